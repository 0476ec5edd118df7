import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Detector } from '../../plugins/redaction/detect/detector.ts'
import { DETECTORS } from '../../plugins/redaction/detect/index.ts'
import { compose } from '../../src/compose.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { shippedPolicies } from '../e2e/scene.ts'
import { type House, layGround, ROOT, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'

/** What inspects fails, in a real gateway: refused, on record, and nothing is sent. */

const MARK = 'Zugzwang'
const SAID = `Before it all is well. ${'And so it goes on. '.repeat(30)}`
const BEHIND = ` Behind it nobody has read. ${'More of it. '.repeat(40)}`

/** Fails where it meets a word that stands in no other text here. */
const broken: Detector = {
  name: 'broken',
  finds: ['ID'],
  scan: ({ text }) => {
    if (text.includes(MARK)) throw new Error(`it broke at ${text}`)
  },
}

const threads: Worker[] = []
const heard = (worker: Worker): void => void threads.push(worker)

let upstream: Recorder
let house: House
beforeAll(async () => {
  process.on('worker', heard)
  const list: Detector[] = DETECTORS as Detector[]
  list.push(broken)
  upstream = await startRecorder({
    answer: ({ body }) =>
      JSON.parse(Buffer.from(body).toString()).stream === true
        ? stream(
            openaiStream({ texts: [`${SAID}${MARK}${BEHIND}`] }, { pieces: (text) => text.match(/.{1,5}/g) ?? [] }),
          )
        : whole(openaiAnswer({ texts: [`${SAID}${MARK}${BEHIND}`] })),
  })
  const policies = shippedPolicies('shipped')
  const org = policies['org/redaction.yaml'] ?? ''
  house = await startHouse({
    providers: { 'openai-eu': { url: `${upstream.url}/v1` } },
    policies: {
      ...policies,
      'org/redaction.yaml': org.replace('tenants: {}', 'tenants: { claims: { profile: health } }'),
    },
    // Threads have detectors of their own: what is broken here must be read here.
    config: { redaction: { apart_above: '256KiB' }, limits: { body: '64MiB', timeouts: { inspect: '1500ms' } } },
  })
}, 60_000)
afterAll(async () => {
  const list: Detector[] = DETECTORS as Detector[]
  list.splice(list.indexOf(broken), 1)
  process.off('worker', heard)
  await house?.stop()
  await upstream?.close()
})

async function ask(content: string, streamed = false): Promise<Readonly<{ status: number; text: string }>> {
  const answer = await fetch(`${house.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content }] }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** Refused in the dialect, recorded, not sent, and no text of it told to anybody. */
async function refused(content: string): Promise<void> {
  const before = { sent: upstream.requests.length, records: (await house.trail()).length }
  const { status, text } = await ask(content)
  expect([status, JSON.parse(text)]).toMatchObject([403, { error: { message: expect.any(String) } }])
  expect(text).toContain('base/inspector-failed')
  expect(upstream.requests.length).toBe(before.sent)
  const trail = (await house.trail()).slice(before.records)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.denied'])
  expect(JSON.stringify(trail)).toContain('base/inspector-failed')
  const piece = content.slice(0, 24)
  for (const told of [text, JSON.stringify(await house.records()), JSON.stringify(house.logged)])
    expect(told).not.toContain(piece)
}

const LONG = 'Card 4111 1111 1111 1111, mail anna@example.org. '

describe('a call whose text nobody could read', () => {
  test('a detector that throws: refused, recorded, nothing sent', () => refused(`Say it: ${MARK} and no more of it`))

  test('a thread that dies at it: refused, recorded, nothing sent; the next long text is read by another', async () => {
    // The thread that was made ready at the start, which dies of the job it is given.
    const thread = threads.at(-1)
    if (thread === undefined) throw new Error('no thread was made ready')
    const post = thread.postMessage.bind(thread)
    thread.postMessage = (message: unknown) => {
      post(message)
      void thread.terminate()
    }
    await refused(`Quite long. ${LONG.repeat(8_000)}`)
    const { status } = await ask(`Again long. ${LONG.repeat(8_000)}`)
    expect([status === 403, upstream.requests.length > 0]).toEqual([true, true])
  })

  test('a text that takes longer than an inspector may: refused, recorded, nothing sent', () =>
    refused(`Far too long. ${LONG.repeat(240_000)}`))

  test('a text that is more than a thread has memory for: refused, recorded, nothing sent', () =>
    refused(`More than fits. ${'x'.repeat(17 * 1024 * 1024)}`))
})

describe('an answer that nobody could read further', () => {
  test('streamed: it is cut off, and nothing unread is released', async () => {
    const { status, text } = await ask('go on', true)
    expect(status).toBe(200)
    const read = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join('')
    expect(read.length).toBeGreaterThan(0)
    expect(SAID.slice(0, read.length)).toBe(read)
    expect(text).not.toContain('[DONE]')
    expect(text).toContain('inspector-failed')
    await expect
      .poll(async () => JSON.stringify((await house.trail()).findLast(({ kind }) => kind === 'call.outcome')?.body))
      .toContain('base/inspector-failed')
  })

  test('whole: it is refused, and nothing of it is told', async () => {
    const { status, text } = await ask('go on')
    expect(status).toBe(403)
    expect(text).not.toContain('Before it')
  })
})

describe('a gateway that cannot inspect does not start', () => {
  test('its key of the tokens is damaged', async () => {
    const ground = await layGround({ providers: { 'openai-eu': { url: upstream.url } } })
    writeFileSync(join(ground.folder, 'keys/redaction.key'), 'not a key\n')
    const started = compose(await ground.read(), { read: ground.read, plugins: [] })
    await expect(started).rejects.toSatisfy((error) => isCustomhouseError(error, 'ERR_KEYS_STORE'))
    ground.remove()
  })

  test("the tagger's weights are damaged", async () => {
    const root = mkdtempSync(join(tmpdir(), 'customhouse-weights-'))
    for (const part of ['src', 'plugins', 'bin', 'package.json'])
      cpSync(join(ROOT, part), join(root, part), { recursive: true })
    for (const part of ['node_modules', 'policies', 'toolchain', 'deploy'])
      symlinkSync(join(ROOT, part), join(root, part))
    const file = join(root, 'plugins/redaction/tagger/weights.bin')
    const weights = readFileSync(file)
    weights[weights.length >> 1] = (weights[weights.length >> 1] ?? 0) ^ 1
    writeFileSync(file, weights)
    const ground = await layGround({ providers: { 'openai-eu': { url: upstream.url } } })
    mkdirSync(ground.state, { recursive: true })
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(root, 'bin/customhouse.js'), 'serve', '-c', ground.config],
      { encoding: 'utf8', timeout: 60_000 },
    )
    expect(status).not.toBe(0)
    expect(status).not.toBeNull()
    expect(stderr + stdout).toContain("the tagger's weights have SHA-256")
    ground.remove()
    rmSync(root, { recursive: true })
  }, 90_000)
})
