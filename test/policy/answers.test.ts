import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResponseInput } from '../../src/core/decision.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { briefReasons } from '../../src/pipeline/brief.ts'
import { addReasons } from '../../src/pipeline/judge.ts'
import {
  createDecider,
  DECISION_ENTRYPOINT,
  type GatewayDecider,
  loadEngine,
  MOST_ANSWER,
  MOST_OBLIGATIONS,
  MOST_REASONS,
  type PolicyEngine,
} from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { USUAL } from './limits.inputs.ts'
import { answered, asked, GERMANY } from './policies.inputs.ts'

/** What a policy may answer with is bounded: reading it is work on the thread that serves everybody. */

const POLICY = `package customhouse

task := json.unmarshal(input.call.task)

many(name) := numbers.range(1, object.get(task, name, 0))

verdict := {
	"effect": object.get(task, "effect", "deny"),
	"satisfied": ["models", "redaction", "residency", "routing"],
	"reasons": array.concat(
		[{"control": "a", "rule": object.get(task, "rule", "a/b"), "controls": [], "message": $"number {n}"} | some n in many("reasons")],
		object.get(task, "more", []),
	),
	"obligations": [{"type": "pin", "params": {"n": n}} | some n in many("obligations")],
}

decision := {"targets": {target.id: verdict | some target in input.targets}} if input.phase == "request"

decision := verdict if input.phase == "response"
`

const toolchain = openToolchain()
let engine: PolicyEngine
beforeAll(async () => {
  const { wasm } = await toolchain.build({ files: { 'main.rego': POLICY }, entrypoints: [DECISION_ENTRYPOINT] })
  engine = await loadEngine({ wasm, data: {}, fuel: 1_000_000_000 })
})
afterAll(() => toolchain.close())

const inputOf = (task: Json) => asked('claims', [GERMANY], { task: JSON.stringify(task) })
const code = (expected: ErrorCode, message: RegExp): unknown =>
  expect.objectContaining({
    code: expected,
    message: expect.stringMatching(message),
    detail: expect.objectContaining({ fuel: expect.any(Number) }),
  })

/** Here and in the worker, about a call and about its answer. */
const places = [
  { place: 'here', inputBytes: 1_000_000 },
  { place: 'in the worker', inputBytes: 1 },
]

describe.each(places)('an answer that is read $place', ({ inputBytes }) => {
  let decider: GatewayDecider
  beforeAll(() => {
    decider = createDecider({ engine, revision: 'r', limits: { ...USUAL, inputBytes } })
  })
  afterAll(() => decider.retire())

  const verdicts = async (task: Json) => {
    const input = inputOf(task)
    const answer: ResponseInput = answered(input, GERMANY)
    const request = async () => (await decider.request(input)).targets.get(GERMANY.id)
    const response = async () => (await decider.response(answer)).verdict
    return [request, response]
  }

  test('has as many reasons as it may, or is cut to different ones; a record marks that', async () => {
    for (const one of await verdicts({ reasons: MOST_REASONS }))
      expect((await one())?.reasons).toHaveLength(MOST_REASONS)
    for (const one of await verdicts({ reasons: 2_000 })) {
      const reasons = (await one())?.reasons ?? []
      expect(new Set(reasons.map(({ message }) => message)).size).toBe(MOST_REASONS)
      expect(reasons).toHaveLength(MOST_REASONS)
      expect(briefReasons(reasons)).toMatchObject({ cut: true })
    }
  })

  test('is malformed for a reason that is none, wherever it stands', async () => {
    for (const one of await verdicts({ reasons: 500, effect: 'allow', more: [7] }))
      await expect(one()).rejects.toEqual(code('ERR_POLICY_MALFORMED', /reasons\/500: an object belongs here/))
  })

  test('has as many obligations as it may; with one more it is malformed, since each must be carried out', async () => {
    for (const one of await verdicts({ effect: 'allow', obligations: MOST_OBLIGATIONS }))
      expect(await one()).toMatchObject({ effect: 'allow', obligations: { length: MOST_OBLIGATIONS } })
    for (const one of await verdicts({ effect: 'allow', obligations: MOST_OBLIGATIONS + 1 }))
      await expect(one()).rejects.toEqual(code('ERR_POLICY_MALFORMED', /101 obligations, more than 100/))
  })

  test('is malformed where it is too long, whatever it says', async () => {
    for (const one of await verdicts({ effect: 'allow', reasons: 4, rule: 'r'.repeat(MOST_ANSWER / 4) }))
      await expect(one()).rejects.toEqual(code('ERR_POLICY_MALFORMED', /answered with \d+ bytes of JSON; 262144 are/))
    for (const one of await verdicts({ effect: 'allow', reasons: 3, rule: 'r'.repeat(MOST_ANSWER / 4) }))
      expect(await one()).toMatchObject({ effect: 'allow' })
  })
})

test('reading an answer that comes from the worker is taken from the share of its tenant', async () => {
  // A clock that only the reading moves on: it is asked for before and after.
  const time = { now: 0, step: 0 }
  const clock = () => {
    time.now += time.step
    return time.now
  }
  const decider = createDecider({ engine, revision: 'r', limits: { ...USUAL, inputBytes: 1_000, share: 20 }, clock })
  const small = inputOf({})
  const large = inputOf({ reasons: 1, rule: 'r'.repeat(1_000) })
  expect(decider.request(asked('research', [GERMANY], { task: '{}' }))).not.toBeInstanceOf(Promise)
  expect(decider.request(small)).not.toBeInstanceOf(Promise)
  const pending = decider.request(large)
  time.step = 100
  await pending
  time.step = 0
  // Another tenant is there, so nothing is lent.
  decider.request(asked('research', [GERMANY], { task: '{}' }))
  expect(decider.request(small)).toBeInstanceOf(Promise)
  decider.retire()
})

test('reasons of many targets are joined, each once by rule and message, in their order', () => {
  const reason = (n: number) => ({ control: 'a', rule: `a/${n % 7}`, controls: [], message: String(n) })
  const to = [reason(1)]
  const more = Array.from({ length: 300 }, (_, n) => reason(n % 150))
  addReasons(to, more)
  expect(to.map(({ message }) => Number(message))).toEqual([1, 0, ...Array.from({ length: 148 }, (_, n) => n + 2)])
  addReasons(to, more)
  expect(to).toHaveLength(150)
})
