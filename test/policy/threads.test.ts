import { getEventListeners } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { EngineThread, type EngineThreadOptions, startWorker } from '../../src/policy/engine/thread.ts'
import {
  createDecider,
  DECISION_ENTRYPOINT,
  type GatewayDecider,
  judgeCanaries,
  loadEngine,
  MOST_WAITING,
  type PolicyEngine,
} from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { code, HEAVY, heavy, USUAL } from './limits.inputs.ts'

/** The worker's life where the machine or the client does not play along: no thread to be had, nobody who waits any more. */

/** Takes long over every call, but not over none: so that it loads at once. */
const SLOW = `package customhouse

all_of_them := numbers.range(1, 9000)

found if {
	input.call.id
	some a in all_of_them
	some b in all_of_them
	a < b
	b < a
}

decision := {} if not found
`

let wasm: Uint8Array
let slowWasm: Uint8Array
let engine: PolicyEngine
beforeAll(async () => {
  const toolchain = openToolchain()
  const build = async (policy: string): Promise<Uint8Array> =>
    (await toolchain.build({ files: { 'main.rego': policy }, entrypoints: [DECISION_ENTRYPOINT] })).wasm
  wasm = await build(HEAVY)
  slowWasm = await build(SLOW)
  engine = await loadEngine({ wasm, data: {}, fuel: 2_000_000_000 })
  await toolchain.close()
})

const alive = new Set<Worker>()
const seen = (worker: Worker): void => {
  alive.add(worker)
  worker.once('exit', () => alive.delete(worker))
}
beforeAll(() => void process.on('worker', seen))
afterAll(() => void process.off('worker', seen))

let threads: EngineThread[] = []
afterEach(async () => {
  for (const thread of threads) thread.retire()
  threads = []
  await expect.poll(() => alive.size, { timeout: 20_000 }).toBe(0)
})

function threadWith(options: Partial<EngineThreadOptions> = {}): EngineThread {
  const thread = new EngineThread(engine, { timeMs: 20_000, ...options })
  threads.push(thread)
  return thread
}

const callOf = (count: number) => ({
  entrypoint: DECISION_ENTRYPOINT,
  json: JSON.stringify(heavy(count)),
  now: 0n,
  seed: '',
  most: 10_000,
})
const quick = callOf(0)
/** Longer than any test. */
const endless = callOf(9_000)

/** A machine that gives a thread only while it may, as a container at its limit of processes does. */
function machine() {
  const state = { gives: true, asked: 0 }
  const start = (data: Parameters<typeof startWorker>[0]): Worker => {
    state.asked += 1
    if (state.gives) return startWorker(data)
    throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' })
  }
  return { state, start }
}

const UNSTARTED = expect.objectContaining({
  code: 'ERR_POLICY_THREW',
  message: 'The worker that evaluates policies could not be started.',
  detail: expect.objectContaining({ fuel: 0 }),
})

describe('the system gives no thread', () => {
  test('each that waits is told so, one for each attempt; when there are threads again all is as before', async () => {
    const { state, start } = machine()
    state.gives = false
    const thread = threadWith({ start })
    const waiting = ['claims', 'claims', 'research'].map((tenant) => thread.run(tenant, quick))
    for (const { status, ...rest } of await Promise.allSettled(waiting)) {
      expect(status).toBe('rejected')
      expect(rest).toEqual({ reason: UNSTARTED })
    }
    expect(state.asked).toBe(3)
    state.gives = true
    expect((await thread.run('claims', quick)).text).toContain('allow')
  })

  test('after a late evaluation, for those that wait: the process lives, and so does the policy', async () => {
    const { state, start } = machine()
    const thread = threadWith({ start, timeMs: 300 })
    const late = expect(thread.run('claims', endless)).rejects.toEqual(code('ERR_POLICY_LATE'))
    const next = expect(thread.run('claims', quick)).rejects.toEqual(UNSTARTED)
    state.gives = false
    await late
    await next
    state.gives = true
    expect((await thread.run('claims', quick)).text).toContain('allow')
  })

  test('however often: no tenant is closed for good', async () => {
    const { state, start } = machine()
    state.gives = false
    const thread = threadWith({ start })
    for (let n = 0; n < MOST_WAITING + 10; n++) await expect(thread.run('claims', quick)).rejects.toEqual(UNSTARTED)
    const waiting = Array.from({ length: MOST_WAITING }, () => thread.run('claims', quick))
    // The last attempt was in this turn of the loop: the line is full, and nobody is taken out of it yet.
    expect(() => thread.run('claims', quick)).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_OVERLOADED' }))
    for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected')
    state.gives = true
    expect((await thread.run('claims', quick)).text).toContain('allow')
  })
})

describe('nobody waits any more', () => {
  test('one in the line gives up its place, with the reason of the signal, and leaves no listener', async () => {
    const thread = threadWith()
    const drained = new AbortController()
    const running = thread.run('claims', callOf(3_000), [drained.signal])
    // The worker is there, and at it.
    await expect.poll(() => thread.open('claims'), { timeout: 20_000 }).toBe(true)
    const clients = Array.from({ length: MOST_WAITING }, () => new AbortController())
    const waiting = clients.map(({ signal }) => thread.run('claims', quick, [signal, drained.signal]))
    const settled = Promise.allSettled(waiting)
    expect(() => thread.run('claims', quick)).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_OVERLOADED' }))
    for (const { signal } of clients) expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    const reason = new Error('left')
    for (const client of clients.slice(0, 40)) client.abort(reason)
    const last = Array.from({ length: 40 }, () => thread.run('claims', quick))
    drained.abort()
    for (const [index, one] of (await settled).entries())
      expect(one).toEqual({ status: 'rejected', reason: index < 40 ? reason : drained.signal.reason })
    await expect(running).rejects.toBe(drained.signal.reason)
    for (const { text } of await Promise.all(last)) expect(text).toContain('allow')
    for (const { signal } of [...clients, drained]) expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('one that comes too late is not taken up; one that is decided hears nothing of a later signal', async () => {
    const thread = threadWith()
    const gone = new AbortController()
    expect((await thread.run('claims', quick, [gone.signal])).text).toContain('allow')
    expect(getEventListeners(gone.signal, 'abort')).toEqual([])
    gone.abort()
    await expect(thread.run('claims', endless, [gone.signal])).rejects.toBe(gone.signal.reason)
    expect((await thread.run('claims', quick)).text).toContain('allow')
  })

  test('a decider passes the signals on, in both phases', async () => {
    const decider = createDecider({ engine, revision: 'r', limits: { ...USUAL, inputBytes: 1 } })
    const drained = new AbortController()
    const input = heavy(9_000)
    const [target] = input.targets
    if (target === undefined) throw new Error('no target')
    const progress = { characters: 1, finished: true }
    const usage = { input_tokens: 1, output_tokens: 1 }
    const under = [
      decider.request(input, [drained.signal]),
      decider.response({ ...input, phase: 'response', target, usage, progress, evidence: [] }, [drained.signal]),
    ]
    drained.abort()
    for (const one of under) await expect(one).rejects.toBe(drained.signal.reason)
    decider.retire()
    for (const worker of alive) await worker.terminate()
  })
})

test('workers have the image of memory in common: starting one copies none of it', async () => {
  const { start } = machine()
  const shared: boolean[] = []
  const thread = threadWith({
    start: (data) => {
      shared.push(data.loaded.image.bytes.buffer instanceof SharedArrayBuffer)
      return start(data)
    },
  })
  expect((await thread.run('claims', quick)).text).toContain('allow')
  expect(shared).toEqual([true])
})

describe("the gateway's canaries are no proof where they were not judged to their end", () => {
  async function slow(timeMs: number): Promise<GatewayDecider> {
    const engine = await loadEngine({ wasm: slowWasm, data: {}, fuel: 2_000_000_000 })
    return createDecider({ engine, revision: 'r', limits: { ...USUAL, inputBytes: 1, timeMs } })
  }
  const refused = (why: RegExp): unknown =>
    expect.objectContaining({ code: 'ERR_POLICY_CANARY', message: expect.stringMatching(why) })

  test('a late one refuses the policy', async () => {
    const decider = await slow(20)
    await expect(judgeCanaries(decider)).rejects.toEqual(refused(/could not be judged to its end .*longer than 20 ms/))
    decider.retire()
  })

  test('so does one whose worker died', async () => {
    const decider = await slow(60_000)
    const judged = expect(judgeCanaries(decider)).rejects.toEqual(refused(/could not be judged to its end .*worker/))
    await expect.poll(() => alive.size).toBe(1)
    for (const worker of alive) await worker.terminate()
    await judged
    decider.retire()
  })
})
