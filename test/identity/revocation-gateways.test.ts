import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../cli/run.ts'
import { type Ground, layGround } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { type Served, serve } from '../serve.ts'
import { hasRedis, redisServer } from './redis.ts'

/** Three processes of the shipped gateway, each with keys of its own, on one list; changed by the shipped command line. */

const BODY = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })
const cleaning: (() => unknown)[] = []
afterAll(async () => {
  for (const clean of cleaning.reverse()) await clean()
})

type Post = Readonly<{ ground: Ground; served: Served }>

async function posts(
  revocation: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
): Promise<readonly Post[]> {
  const upstream: Recorder = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  cleaning.push(() => upstream.close())
  const all: Post[] = []
  for (let i = 0; i < 3; i++) {
    const ground = await layGround({
      providers: { one: { url: `${upstream.url}/v1` } },
      config: { identity: { revocation: { every: '200ms', stale_after: '2s', ...revocation } } },
    })
    cleaning.push(() => ground.remove())
    const served = await serve(ground, { env })
    cleaning.push(() => {
      served.child.kill('SIGKILL')
      return served.exited
    })
    all.push({ ground, served })
  }
  return all
}

const call = async ({ ground, served }: Post): Promise<number> => {
  const answer = await fetch(`${served.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ground.key}`, 'content-type': 'application/json' },
    body: BODY,
  })
  await answer.arrayBuffer()
  return answer.status
}
const ready = async ({ served }: Post): Promise<readonly [number, unknown]> => {
  const answer = await fetch(`${served.admin}/readyz?verbose`)
  const { checks } = (await answer.json()) as { checks: Record<string, string> }
  return [answer.status, checks.callers]
}
const all = (of: readonly Post[]) => expect.poll(() => Promise.all(of.map(call)), { timeout: 15_000, interval: 100 })

const places: readonly [string, boolean][] = [
  ['a file', true],
  ['Redis', hasRedis()],
]
for (const [place, here] of places) {
  test.skipIf(!here)(
    `on ${place}: none serves before there is a list; a caller is refused at all, and served again when it is lifted`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'customhouse-shared-'))
      cleaning.push(() => rmSync(folder, { recursive: true, force: true }))
      const server = place === 'Redis' ? await redisServer() : null
      if (server !== null) cleaning.push(() => server.remove())
      const env = { REVOKED_PASSWORD: server?.password ?? 'none' }
      const where =
        server === null
          ? { store: join(folder, 'revoked.json') }
          : { store: server.url, password: `\${env:REVOKED_PASSWORD}` }
      const three = await posts(where, env)
      const [first] = three
      if (first === undefined) throw new Error('there are three')
      const revoke = async (...words: readonly string[]): Promise<number | null> =>
        (await run(['revoke', ...words, '-c', first.ground.config], { env })).code
      await all(three).toEqual([503, 503, 503])
      expect(await ready(first)).toEqual([503, expect.stringContaining('could not be looked at')])
      expect(await revoke('init')).toBe(0)
      await all(three).toEqual([200, 200, 200])
      expect(await ready(first)).toEqual([200, 'ok'])

      expect(await revoke('subject', 'key', 'test-claims', '--why', 'a test')).toBe(0)
      await all(three).toEqual([401, 401, 401])
      expect(await revoke('subject', 'key', 'test-claims', '--undo')).toBe(0)
      await all(three).toEqual([200, 200, 200])
      expect(await revoke('key', first.ground.key)).toBe(0)
      await all(three).toEqual([401, 200, 200])
      for (const { ground } of three) {
        const revoked = async () => (await ground.records()).filter(({ kind }) => kind === 'identity.revoked')
        // Those that the last name is none of may not have looked yet.
        await expect.poll(async () => (await revoked()).length, { timeout: 15_000 }).toBeGreaterThanOrEqual(2)
        const kinds = await revoked()
        expect(JSON.stringify(kinds)).not.toContain('test-claims')
      }
      if (server === null) return
      await server.kill()
      await all(three).toEqual([503, 503, 503])
      await server.start()
      await all(three).toEqual([401, 200, 200])
      server.command('FLUSHALL')
      await all(three).toEqual([503, 503, 503])
    },
    120_000,
  )
}

describe('customhouse revoke', () => {
  test('where no list is shared it says what to do', async () => {
    const ground = await layGround({ providers: { one: { url: 'http://127.0.0.1:9/v1' } } })
    cleaning.push(() => ground.remove())
    const { code, stderr } = await run(['revoke', 'list', '-c', ground.config])
    expect(code).toBe(3)
    expect(stderr).toContain('customhouse keys revoke')
  })
})
