import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Ground, layGround, startHouse } from '../house.ts'
import { serve } from '../serve.ts'

/** A start on a volume that is full: it waits, says for what, and is no restart loop. The shipped process, on a tmpfs of its own. */

const namespace = spawnSync('unshare', ['-rm', 'true']).status === 0
if (!namespace && process.env.CI === 'true') throw new Error('unshare must work where CI=true')
if (!namespace) console.log('skipped: unshare is not here or not allowed: nothing is started on a full volume')

let ground: Ground | undefined
let pid = 0
afterEach(() => {
  if (pid !== 0 && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
  pid = 0
  ground?.remove()
})

/** A process whose state lies on a full tmpfs of 24 MB, which is its own; `free` makes room there. */
async function start() {
  const admin = await freePort()
  const laid = await layGround({
    providers: { one: { url: 'http://127.0.0.1:9/v1' } },
    config: {
      listen: { data: '127.0.0.1:0', admin: `127.0.0.1:${admin}` },
      audit: { log: 'test/room', min_free: '2MiB' },
    },
  })
  ground = laid
  mkdirSync(laid.state)
  const pidFile = join(laid.folder, 'pid')
  const script = [
    'mount -t tmpfs -o size=24m tmpfs "$1"',
    'head -c 100M /dev/zero >"$1/fill" 2>"$2.err" || true',
    'echo $$ >"$2"',
    'shift 2',
    'exec "$@"',
  ].join('\n')
  const tracer = ['unshare', '-rm', 'bash', '-c', script, 'bash', laid.state, pidFile]
  const served = serve(laid, { tracer })
  await expect
    .poll(() => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : ''), { timeout: 10_000 })
    .not.toBe('')
  pid = Number(readFileSync(pidFile, 'utf8'))
  const get = async (path: string): Promise<readonly [number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${admin}${path}`).catch(() => null)
    return answer === null ? [0, ''] : [answer.status, await answer.text()]
  }
  // Nobody may take a rejection for unheard: one that is given up never listens.
  served.catch(() => undefined)
  await expect.poll(async () => (await get('/readyz?verbose'))[1], { timeout: 20_000 }).toContain('no room')
  return { served, get, free: () => rmSync(`/proc/${pid}/root${laid.state}/fill`) }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

describe.skipIf(!namespace)('a start on a full volume', () => {
  test('is alive, not started, not ready, says why, and goes on by itself when there is room', async () => {
    const { served, get, free } = await start()
    expect((await get('/livez'))[0]).toBe(200)
    expect((await get('/startupz'))[0]).toBe(503)
    const [status, text] = await get('/readyz?verbose')
    expect(status).toBe(503)
    expect(JSON.parse(text)).toEqual({
      status: 'not ready',
      checks: { start: "the ledger's volume has no room: make some, and the start goes on", drain: 'ok' },
    })
    free()
    const { log, child, exited } = await served
    expect((await get('/readyz'))[0]).toBe(200)
    // Said once, though the volume was looked at again and again.
    const said = log.filter(({ msg }) => msg === "the start waits for room on the ledger's volume")
    expect(said.map(({ code }) => code)).toEqual(['ERR_LEDGER_UNAVAILABLE'])
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
  }, 60_000)

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s while it waits ends it with 0',
    async (signal) => {
      const { served } = await start()
      process.kill(pid, signal)
      await expect(served).rejects.toThrow('exited with 0')
    },
    60_000,
  )
})

describe('a gateway that runs: the probes tell what passes by itself from what does not', () => {
  const rows: readonly (readonly [string, string, boolean, string])[] = [
    // More than any volume has.
    [
      'its volume has less than audit.min_free',
      '1024GiB',
      false,
      'its volume is almost full: nothing new is begun until it has room',
    ],
    ['its segment is removed: it has latched', '2MiB', true, 'it cannot write'],
    ['both', '1024GiB', true, 'it cannot write'],
    ['neither', '2MiB', false, 'ok'],
  ]
  test.each(rows)(
    '%s',
    async (_, minFree, remove, ledger) => {
      const house = await startHouse({
        providers: { one: { url: 'http://127.0.0.1:9/v1' } },
        config: { audit: { log: 'test/room', min_free: minFree } },
      })
      try {
        const checks = async (): Promise<unknown> => {
          const answer = await fetch(`${house.customhouse.admin}/readyz?verbose`)
          const told = (await answer.json()) as { checks: Readonly<Record<string, string>> }
          expect(answer.status).toBe(told.checks.ledger === 'ok' ? 200 : 503)
          return told.checks.ledger
        }
        if (remove) {
          const folder = join(house.state, 'ledger')
          for (const name of readdirSync(folder)) if (name.endsWith('.seg')) rmSync(join(folder, name))
        }
        await expect.poll(checks, { timeout: 20_000 }).toBe(ledger)
      } finally {
        await house.stop()
      }
    },
    60_000,
  )
})
