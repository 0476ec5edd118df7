import type { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RequestDecision, RequestInput } from '../../src/core/decision.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { EngineThread } from '../../src/policy/engine/thread.ts'
import {
  createDecider,
  DECISION_ENTRYPOINT,
  type EvaluationLimits,
  type GatewayDecider,
  loadEngine,
  MOST_INPUT,
  MOST_WAITING,
  type PolicyEngine,
} from '../../src/policy/index.ts'
import { Share } from '../../src/policy/share.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { Turns } from '../../src/policy/turns.ts'
import { code, HEAVY, heavy, light, tools, USUAL } from './limits.inputs.ts'
import { answered, asked, GERMANY } from './policies.inputs.ts'

/** One tenant's heavy calls are its own to wait for: a real engine, real workers, and a policy whose work grows with the square of the tools. */

const toolchain = openToolchain()
let wasm: Uint8Array
beforeAll(async () => {
  const built = await toolchain.build({ files: { 'main.rego': HEAVY }, entrypoints: [DECISION_ENTRYPOINT] })
  wasm = built.wasm
})
afterAll(() => toolchain.close())

/** Every worker of this process that is not over yet, and how many there were. */
const alive = new Set<Worker>()
let started = 0
const seen = (worker: Worker): void => {
  started += 1
  alive.add(worker)
  worker.once('exit', () => alive.delete(worker))
}

let made: GatewayDecider[] = []
beforeAll(async () => {
  // The toolchain's own worker is no concern of these tests.
  await toolchain.close()
  process.on('worker', seen)
})
afterAll(() => void process.off('worker', seen))
afterEach(async () => {
  for (const decider of made) decider.retire()
  made = []
  await expect.poll(() => alive.size, { timeout: 20_000 }).toBe(0)
})

const engineWith = (fuel?: number): Promise<PolicyEngine> =>
  loadEngine({ wasm, data: {}, ...(fuel === undefined ? {} : { fuel }) })

async function deciderWith(limits: Partial<EvaluationLimits>, fuel?: number): Promise<GatewayDecider> {
  // A clock that stands: what the machine takes is of no account here.
  const clock = () => 0
  const engine = await engineWith(fuel)
  const decider = createDecider({ engine, revision: 'r', limits: { ...USUAL, ...limits }, clock })
  made.push(decider)
  return decider
}

/** The decision, which must be there at once. */
function atOnce<T>(decision: T | Promise<T>): T {
  expect(decision).not.toBeInstanceOf(Promise)
  return decision as T
}

describe('where an evaluation runs', () => {
  test('what is small is decided at once, and no worker is there', async () => {
    const before = started
    const decider = await deciderWith({})
    for (let n = 0; n < 100; n++) {
      expect(atOnce(decider.request(light())).targets.get('eu/a')?.effect).toBe('allow')
      expect(atOnce(decider.response(answered(light(), GERMANY))).verdict.effect).toBe('allow')
    }
    expect(started).toBe(before)
  })

  test('what is large is decided in a worker, to the same end and for the same fuel, in both phases', async () => {
    const decider = await deciderWith({})
    const here = createDecider({ engine: await engineWith(), revision: 'r' })
    const before = started
    const input = asked('claims', [GERMANY], { tools: tools(100, 1_000) })
    const [request, response] = [decider.request(input), decider.response(answered(input, GERMANY))]
    expect(request).toBeInstanceOf(Promise)
    expect(response).toBeInstanceOf(Promise)
    expect({ ...(await request), id: '' }).toEqual({ ...here.request(input), id: '' })
    expect({ ...(await response), id: '' }).toEqual({ ...here.response(answered(input, GERMANY)), id: '' })
    expect(started).toBe(before + 1)
  })

  test('the bound is in bytes of JSON, and exact', async () => {
    const bytes = Buffer.byteLength(JSON.stringify(asked('claims', [GERMANY], { task: 'ü' })))
    const input = asked('claims', [GERMANY], { task: 'ü' })
    atOnce((await deciderWith({ inputBytes: bytes })).request(input))
    expect((await deciderWith({ inputBytes: bytes - 1 })).request(input)).toBeInstanceOf(Promise)
  })

  test.each<[string, ErrorCode, unknown, string, number]>([
    ['undefined', 'ERR_POLICY_UNDEFINED', expect.any(Number), 'undefined', 40],
    ['a conflict', 'ERR_POLICY_THREW', expect.any(Number), 'conflict', 40],
    ['out of fuel', 'ERR_POLICY_OUT_OF_FUEL', 1_000_000, 'none', 1_000],
  ])('%s is the same error, for the same fuel, here and there', async (_, expected, fuel, task, count) => {
    const input = heavy(count, 'claims', task)
    const here = await deciderWith({}, 1_000_000)
    const there = await deciderWith({ inputBytes: 1 }, 1_000_000)
    const thrown = await Promise.resolve()
      .then(() => here.request(input))
      .catch((error: unknown) => error)
    expect(thrown).toEqual(code(expected, fuel))
    const { detail } = thrown as { detail: { fuel: number } }
    expect(detail.fuel).toBeGreaterThan(100)
    await expect(there.request(input)).rejects.toEqual(code(expected, detail.fuel))
    // The worker is none the worse.
    const before = started
    await there.request(light())
    expect(started).toBe(before)
  })
})

describe('a worker is killed', () => {
  test('after limits.policy.time: late, for all of the fuel; the next is another worker, and the main thread went on', async () => {
    const decider = await deciderWith({ timeMs: 50 }, 2_000_000_000)
    const input = asked('claims', [GERMANY], { tools: tools(9_000) })
    const before = started
    const late = decider.request(input)
    let over = false
    const settled = expect(late)
      .rejects.toEqual(code('ERR_POLICY_LATE', 2_000_000_000))
      .finally(() => {
        over = true
      })
    expect(atOnce(decider.request(light('research'))).targets.size).toBe(1)
    expect(over).toBe(false)
    await settled
    expect(started).toBe(before + 1)
    const slow = await deciderWith({ inputBytes: 1 })
    expect((await slow.request(light())).targets.size).toBe(1)
    await expect(decider.request(input)).rejects.toEqual(code('ERR_POLICY_LATE'))
    expect(started).toBe(before + 3)
  })

  test('or dies by itself: a denial, and another worker for those that wait', async () => {
    const decider = await deciderWith({ inputBytes: 1 }, 2_000_000_000)
    const before = started
    const running = decider.request(heavy(9_000))
    const next = decider.request(light())
    const failed = expect(running).rejects.toEqual(code('ERR_POLICY_THREW', 2_000_000_000))
    await expect.poll(() => alive.size).toBe(1)
    await Promise.all([...alive].map((worker) => worker.terminate()))
    await failed
    expect((await next).targets.size).toBe(1)
    expect(started).toBe(before + 2)
  })

  test('when the policy is not active any more, and its last evaluation is over; not before, and as often as one comes', async () => {
    const decider = await deciderWith({ inputBytes: 1 })
    const under = [decider.request(heavy(300)), decider.request(heavy(300, 'research'))]
    decider.retire()
    for (const one of under) expect((await one).targets.size).toBe(1)
    await expect.poll(() => alive.size).toBe(0)
    expect((await decider.response(answered(light(), GERMANY))).verdict.effect).toBe('allow')
    await expect.poll(() => alive.size).toBe(0)
  })

  test('when it was idle', async () => {
    const engine = await engineWith()
    const thread = new EngineThread(engine, { timeMs: 20_000, idleMs: 20 })
    const call = { entrypoint: DECISION_ENTRYPOINT, json: JSON.stringify(light()), now: 0n, seed: '', most: 1_000 }
    await thread.run('claims', call)
    await expect.poll(() => alive.size).toBe(0)
    await thread.run('claims', call)
    await expect.poll(() => alive.size).toBe(0)
  })

  test('with each of many policies, one after the other: none is left', async () => {
    for (let n = 0; n < 20; n++) {
      const decider = await deciderWith({ inputBytes: 1 })
      const pending = decider.request(light())
      decider.retire()
      await pending
      expect(alive.size).toBeLessThan(5)
    }
    await expect.poll(() => alive.size).toBe(0)
  })
})

describe("a tenant's share", () => {
  /** A clock that nothing moves on but an evaluation on the main thread, by what its fuel is worth or by 10 ms: what runs where is told by counts. */
  async function counted(cost: 'fuel' | '10 ms', reads?: { paths: string[][] }) {
    const engine = await engineWith()
    const time = { now: 0, runs: 0 }
    const decider = createDecider({
      engine: {
        ...engine,
        run: (...args) => {
          const answer = engine.run(...args)
          time.now += cost === 'fuel' ? answer.fuel / 333_333 : 10
          time.runs += 1
          return answer
        },
      },
      revision: 'r',
      reads: reads === undefined ? null : { ...reads, whole: false, volatile: false },
      limits: { ...USUAL, share: 20 },
      clock: () => time.now,
    })
    made.push(decider)
    return { decider, time }
  }

  test('beyond it a tenant is evaluated in the worker, another one is not; with time it comes back', async () => {
    const { decider, time } = await counted('10 ms')
    const pending: Promise<RequestDecision>[] = []
    /** How many of so many calls were evaluated on the main thread. */
    const here = (calls: number, tenant = 'claims'): number => {
      const before = time.runs
      for (let n = 0; n < calls; n++) {
        const decision = decider.request(heavy(20, tenant))
        if (decision instanceof Promise) pending.push(decision)
      }
      return time.runs - before
    }
    // Nobody is alone, so nothing is lent. 50 ms ahead, at 8 ms each, since 2 ms come back in the 10 ms of one.
    expect(here(1, 'research')).toBe(1)
    expect(here(20)).toBe(6)
    expect(here(20)).toBe(0)
    expect(here(1, 'research')).toBe(1)
    time.now += 50
    expect(here(5)).toBe(2)
    time.now += 60_000
    expect(here(1, 'research')).toBe(1)
    expect(here(20)).toBe(6)
    for (const decision of await Promise.all(pending)) expect(decision.targets.get('eu/a')?.effect).toBe('allow')
    // The other tenant's own were never in the worker.
    expect(here(6, 'research')).toBe(6)
  })

  test('a heavy tenant without end: the other is decided at once, each time', async () => {
    const { decider } = await counted('fuel')
    const pending: Promise<RequestDecision>[] = []
    const order: string[] = []
    for (let n = 0; n < 60; n++) {
      const decision = decider.request(heavy(600))
      if (decision instanceof Promise) pending.push(decision.finally(() => order.push('heavy')))
      atOnce(decider.request(light('research')))
      order.push('light')
    }
    expect(order.every((one) => one === 'light')).toBe(true)
    // 50 ms ahead, and one evaluation of 360,000 turns takes some 10 of them.
    expect(pending.length).toBeGreaterThan(40)
    await Promise.all(pending)
  })

  test('a tenant that is alone has four times its share while the worker is not there, and no more', async () => {
    const { decider, time } = await counted('10 ms')
    // Half of the time: far more than 20 %.
    for (let n = 0; n < 1_000; n++) {
      atOnce(decider.request(heavy(20)))
      time.now += 10
    }
    expect(time.runs).toBe(1_000)
    // All of the time: 80 % of it, 110 ms ahead, and an evaluation at the end of each account.
    const began = time.now
    const pending: Promise<RequestDecision>[] = []
    for (let n = 0; n < 60; n++) {
      const runs = time.runs
      const decision = decider.request(heavy(20))
      if (decision instanceof Promise) pending.push(decision)
      if (time.runs === runs) time.now += 10
    }
    const taken = (time.runs - 1_000) * 10
    expect(taken).toBeLessThanOrEqual((time.now - began) * 0.8 + 110 + 20)
    expect(taken).toBeGreaterThan((time.now - began) * 0.5)
    await Promise.all(pending)
  })

  test('another tenant waits for one evaluation of what was lent, and ends that, even where its own decisions are remembered', async () => {
    const { decider, time } = await counted('10 ms', { paths: [['call', 'task']] })
    let task = 0
    const one = () => decider.request(asked('claims', [GERMANY], { task: String(task++) }))
    const remembered = asked('research', [GERMANY], { task: 'same' })
    atOnce(decider.request(remembered))
    time.now += 1_000
    for (let n = 0; n < 100; n++) {
      atOnce(one())
      time.now += 10
    }
    // It is there at once, and from then on nothing is lent. What is left of its own share is not: it has none.
    const runs = time.runs
    atOnce(decider.request(remembered))
    expect(time.runs).toBe(runs)
    const pending = Array.from({ length: 10 }, one)
    expect(time.runs).toBeLessThanOrEqual(runs + 1)
    for (const decision of await Promise.all(pending)) expect(decision.targets.size).toBe(1)
    time.now += 251
    expect(Array.from({ length: 10 }, one).some((decision) => !(decision instanceof Promise))).toBe(true)
  })

  test('what is large is never lent a place between the calls of others', async () => {
    const clock = { now: 0 }
    const limits = { ...USUAL, inputBytes: 1, share: 20 }
    const decider = createDecider({ engine: await engineWith(), revision: 'r', limits, clock: () => clock.now })
    made.push(decider)
    clock.now += 10_000
    expect(await decider.request(light())).toMatchObject({ phase: 'request' })
    expect(decider.request(light())).toBeInstanceOf(Promise)
  })

  test('nothing is lent within a quarter of a second of another tenant, and never more than its bound', () => {
    const step = fc.record({
      pause: fc.integer({ min: 0, max: 300 }),
      cost: fc.integer({ min: 1, max: 30 }),
      tenant: fc.constantFrom('a', 'b', 'c'),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step, { maxLength: 200 }), (percent, steps) => {
        let now = 0
        const share = new Share(percent, () => now)
        const lastOf = new Map<string, number>()
        const lent: { tenant: string; at: number; cost: number }[] = []
        for (const { pause, cost, tenant } of steps) {
          now += pause
          share.came(tenant)
          lastOf.set(tenant, now)
          const others = [...lastOf].filter(([name]) => name !== tenant).map(([, at]) => at)
          const alone = others.every((at) => now - at > 250)
          const lends = share.lends(tenant)
          if (!alone || percent >= 80) expect(lends).toBe(false)
          if (!lends) continue
          lent.push({ tenant, at: now, cost })
          now += cost
          share.spend(tenant, cost, 'lent')
        }
        const rate = Math.max(0, Math.min(80, 4 * percent) - percent) / 100
        for (const [place, first] of lent.entries()) {
          let sum = 0
          for (const { tenant, at, cost } of lent.slice(place)) {
            if (tenant !== first.tenant) continue
            sum += cost
            expect(sum).toBeLessThanOrEqual((at + cost - first.at + 100) * rate + 30 + 1e-6)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('what is remembered costs nothing', async () => {
    const { decider, time } = await counted('10 ms', { paths: [['call', 'model']] })
    atOnce(decider.request(light()))
    expect(time.runs).toBe(1)
    for (let n = 0; n < 1_000; n++) atOnce(decider.request(light()))
    expect(time.runs).toBe(1)
  })

  test('no stretch of time has more than its share, of itself and of a quarter of a second, and one evaluation', () => {
    const step = fc.record({ pause: fc.integer({ min: 0, max: 400 }), cost: fc.integer({ min: 1, max: 30 }) })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(step, { maxLength: 200 }),
        fc.nat(),
        (percent, steps, from) => {
          let now = 0
          const share = new Share(percent, () => now)
          const taken: { at: number; end: number; cost: number }[] = []
          for (const { pause, cost } of steps) {
            now += pause
            if (!share.has('claims')) continue
            const at = now
            now += cost
            share.spend('claims', cost)
            taken.push({ at, end: now, cost })
          }
          const first = taken[taken.length === 0 ? 0 : from % taken.length]
          if (first === undefined) return
          let sum = 0
          for (const { at, end, cost } of taken) {
            if (at < first.at) continue
            sum += cost
            expect(sum).toBeLessThanOrEqual(((end - first.at + 250) * percent) / 100 + 30 + 1e-6)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('those that wait for the worker', () => {
  test('come in turn, by tenant', async () => {
    const decider = await deciderWith({ inputBytes: 1 })
    const order: string[] = []
    const send = (tenant: string): Promise<unknown> =>
      Promise.resolve(decider.request(heavy(50, tenant))).then(() => order.push(tenant))
    const all = [...Array.from({ length: 20 }, () => send('claims')), send('research'), send('lab'), send('lab')]
    await Promise.all(all)
    expect(order.slice(0, 5)).toEqual(['claims', 'research', 'lab', 'claims', 'lab'])
  })

  test('are bounded for each tenant: too many are told so, and those of others are not', async () => {
    const decider = await deciderWith({ inputBytes: 1 })
    const waiting = Array.from({ length: MOST_WAITING }, () => decider.request(light()))
    expect(() => decider.request(light())).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_OVERLOADED' }))
    expect(() => decider.response(answered(light(), GERMANY))).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_OVERLOADED' }),
    )
    waiting.push(decider.request(light('research')))
    for (const one of await Promise.all(waiting)) expect(one.targets.size).toBe(1)
    expect((await decider.request(light())).targets.size).toBe(1)
  })

  test('each is served once, its own in order, and nobody waits for more than one of each other tenant', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', null), { maxLength: 120 }), (steps) => {
        const turns = new Turns<{ tenant: string; n: number }>()
        const lines = new Map<string, number[]>()
        /** Turns of others since a tenant's last, or since it began to wait. */
        const since = new Map<string, string[]>()
        const take = (): void => {
          const item = turns.take()
          const waiting = [...lines].filter(([, line]) => line.length > 0)
          expect(item === undefined).toBe(waiting.length === 0)
          if (item === undefined) return
          expect(item.n).toBe(lines.get(item.tenant)?.shift())
          for (const [tenant] of waiting) {
            if (tenant === item.tenant) since.set(tenant, [])
            else {
              const others = since.get(tenant) ?? []
              expect(others).not.toContain(item.tenant)
              since.set(tenant, [...others, item.tenant])
            }
          }
        }
        for (const [n, tenant] of steps.entries()) {
          if (tenant === null) {
            take()
            continue
          }
          const line = lines.get(tenant) ?? []
          if (line.length === 0) since.set(tenant, [])
          turns.add(tenant, { tenant, n })
          lines.set(tenant, [...line, n])
        }
        while (!turns.empty) take()
        expect([...lines.values()].flat()).toEqual([])
      }),
    )
  })
})

describe('input beyond all bounds', () => {
  const long = 'x'.repeat(1_000)
  const many = Array.from({ length: 1_100 }, (_, index) => `${long}${index}`)
  const fields = Object.fromEntries(many.map((value, index) => [String(index), value]))
  const fact = (type: string) => ({ type, count: 1, roles: [], max_score: 1 })
  /** Whoever writes it as JSON is found out. */
  const unwritable = {
    toJSON: () => {
      throw new Error('it was written')
    },
  }

  test.each<[string, RequestInput]>([
    ['names of tools', asked('claims', [GERMANY], { tools: many })],
    [
      'references',
      asked('claims', [GERMANY], { references: many.map((kind) => ({ kind, where: 'remote', count: 1 })) }),
    ],
    ['headers', asked('claims', [GERMANY], { headers: fields })],
    ['metadata', asked('claims', [GERMANY], { metadata: fields })],
    ['a task', asked('claims', [GERMANY], { task: 'x'.repeat(1_100_000) })],
    ['findings', { ...asked('claims', [GERMANY]), findings: many.map(fact) }],
    ['empty names', asked('claims', [GERMANY], { tools: new Array<string>(400_000).fill('') })],
  ])('%s: refused before anything is written, even where it would be remembered', async (_, input) => {
    const engine = await engineWith()
    const reads = { paths: [['call', 'model']], whole: false, volatile: false }
    const decider = createDecider({ engine, revision: 'r', limits: USUAL, reads })
    const guarded = Object.assign({ ...input }, unwritable)
    expect(() => decider.request(guarded)).toThrow(expect.objectContaining({ code: 'ERR_CALL_TOO_LARGE' }))
  })

  test('what escapes make long is refused as well, and what just fits is judged', async () => {
    const decider = await deciderWith({}, 2_000_000_000)
    const escaped = asked('claims', [GERMANY], { task: '\u0001'.repeat(200_000) })
    expect(() => decider.request(escaped)).toThrow(expect.objectContaining({ code: 'ERR_CALL_TOO_LARGE' }))
    const room = MOST_INPUT - Buffer.byteLength(JSON.stringify(asked('claims', [GERMANY], { task: '' })))
    const full = (by: number) => asked('claims', [GERMANY], { task: 'x'.repeat(room + by) })
    expect((await decider.request(full(0))).targets.get('eu/a')?.effect).toBe('allow')
    expect(() => decider.request(full(1))).toThrow(expect.objectContaining({ code: 'ERR_CALL_TOO_LARGE' }))
  })
})
