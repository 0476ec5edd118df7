import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DIALECTS, OPERATIONS } from '../../src/core/call.ts'
import type { CallInput, ContextInput, RequestInput, ResponseInput, TargetInput } from '../../src/core/decision.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { createDecider, judgeCanaries, loadEngine, type PromptDecider } from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const toolchain = openToolchain()
afterAll(() => toolchain.close())

async function deciderOf(source: string, data: Readonly<Record<string, Json>> = {}): Promise<PromptDecider> {
  const files = { 'main.rego': `package customhouse\n\n${source}\n` }
  const { wasm } = await toolchain.build({ files, entrypoints: ['customhouse/decision'] })
  return createDecider({ engine: await loadEngine({ wasm, data }), revision: 'r1' })
}

/** A policy that answers with what the call's metadata holds: the tests choose the answer. */
const ECHO = 'decision := json.unmarshal(input.call.metadata.answer)'

const call = (answer: Json | string): CallInput => ({
  id: 'c1',
  dialect: 'openai.chat',
  operation: 'chat',
  model: 'auto',
  stream: false,
  principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', key: 'k' },
  task: null,
  classes: [],
  estimate: { input_tokens: 1, max_output_tokens: null },
  tools: [],
  references: [],
  headers: {},
  metadata: { answer: typeof answer === 'string' ? answer : JSON.stringify(answer) },
})

const target = (id: string): TargetInput => ({
  id,
  provider: 'p',
  model: 'm',
  residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
  contract: [],
  facts: {},
})

const contextOf = (controls: readonly string[]): ContextInput => ({
  time: '2026-01-01T00:00:00.000Z',
  date: '2026-01-01',
  environment: 'test',
  replay: false,
  controls,
})

const request = (answer: Json | string, controls: readonly string[] = ['a'], ids = ['x', 'y']): RequestInput => ({
  phase: 'request',
  call: call(answer),
  targets: ids.map(target),
  findings: [],
  context: contextOf(controls),
})

const response = (answer: Json | string, controls: readonly string[] = ['a']): ResponseInput => ({
  phase: 'response',
  call: call(answer),
  target: target('x'),
  findings: [],
  usage: { input_tokens: 1, output_tokens: null },
  progress: { characters: 10, finished: false },
  evidence: [],
  context: contextOf(controls),
})

const allow = { effect: 'allow', satisfied: ['a'], reasons: [], obligations: [] }
const deny = { ...allow, effect: 'deny', satisfied: [] }
const reason = { control: 'a', rule: 'a/b', controls: ['GDPR-44'], message: 'no' }
const code = (expected: ErrorCode): unknown => expect.objectContaining({ code: expected })

describe('a decision', async () => {
  const decider = await deciderOf(ECHO)

  it('carries verdicts, order and choice', () => {
    const decision = decider.request(
      request({
        targets: { x: allow, y: { ...deny, reasons: [reason] } },
        order: ['y'],
        choose: { by: 'fair-share', shares: { t: 0.5 } },
      }),
    )
    expect(decision).toMatchObject({
      phase: 'request',
      revision: 'r1',
      order: ['y'],
      choose: { by: 'fair-share', shares: { t: 0.5 } },
    })
    expect(decision.fuel).toBeGreaterThan(0)
    expect(decision.targets.get('x')).toEqual({ effect: 'allow', reasons: [], obligations: [] })
    expect(decision.targets.get('y')).toEqual({ effect: 'deny', reasons: [reason], obligations: [] })
    expect(decision.id).not.toBe(decider.request(request({ targets: { x: allow, y: allow } })).id)
  })

  it('has defaults for order and choice', () => {
    expect(decider.request(request({ targets: { x: allow, y: allow } }))).toMatchObject({ order: [], choose: null })
    expect(decider.request(request({ targets: { x: allow, y: allow }, choose: { by: 'first' } })).choose).toEqual({
      by: 'first',
      shares: {},
    })
  })

  it.each<[string, readonly string[], Json, readonly string[]]>([
    ['one control is silent', ['a', 'b'], allow, ['b/unsatisfied']],
    ['two controls are silent', ['c', 'a', 'b'], allow, ['b/unsatisfied', 'c/unsatisfied']],
    ['the control has a reason of its own', ['a'], { ...allow, satisfied: [], reasons: [reason] }, ['a/b']],
    ['the policy denies without a reason', ['a'], { ...allow, effect: 'deny' }, ['policy/denied']],
    ['nothing must answer, and the policy denies', [], deny, ['policy/denied']],
  ])('is a denial with its reasons where %s', (_name, controls, verdict, rules) => {
    for (const judged of [
      decider.request(request({ targets: { x: verdict } }, controls, ['x'])).targets.get('x'),
      decider.response(response(verdict, controls)).verdict,
    ]) {
      expect(judged?.effect).toBe('deny')
      expect(judged?.reasons.map(({ rule }) => rule)).toEqual(rules)
    }
  })

  it('sorts reasons, and keeps each obligation once', () => {
    const reasons = [
      { ...reason, message: 'z' },
      { ...reason, control: 'Z' },
      { ...reason, rule: 'a/a' },
      { ...reason, message: 'b' },
    ]
    const obligations = [
      { type: 'redact', params: { b: 1, a: [{ d: 1, c: 2 }] } },
      { type: 'clamp', params: {} },
      { type: 'redact', params: { a: [{ c: 2, d: 1 }], b: 1 } },
      { type: 'redact', params: { a: [] } },
    ]
    const { verdict } = decider.response(response({ ...deny, reasons, obligations }))
    expect(verdict.reasons.map(({ control, rule, message }) => `${control} ${rule} ${message}`)).toEqual([
      'Z a/b no',
      'a a/a no',
      'a a/b b',
      'a a/b z',
    ])
    expect(verdict.obligations).toHaveLength(3)
    const reversed = response({ ...deny, reasons: reasons.toReversed(), obligations: obligations.toReversed() })
    expect(decider.response(reversed).verdict).toEqual(verdict)
  })

  const two = { x: allow, y: allow }
  it.each<[string, Json]>([
    ['null', null],
    ['a list', [{ targets: two }]],
    ['a boolean', true],
    ['no targets', {}],
    ['an unknown member', { targets: two, allow: true }],
    ['a target without a verdict', { targets: { x: allow } }],
    ['a verdict for another target', { targets: { ...two, z: allow } }],
    ['a verdict for an inherited name', { targets: { ...two, ['__proto__']: allow } }],
    ['targets as a list', { targets: [allow, allow] }],
    ['an effect of another kind', { targets: { x: { ...allow, effect: 'Allow' }, y: allow } }],
    ['an effect that is true', { targets: { x: { ...allow, effect: true }, y: allow } }],
    ['a verdict with more', { targets: { x: { ...allow, because: 1 }, y: allow } }],
    ['a verdict with less', { targets: { x: { effect: 'allow', satisfied: ['a'], reasons: [] }, y: allow } }],
    ['satisfied as an object', { targets: { x: { ...allow, satisfied: { a: true } }, y: allow } }],
    ['satisfied with numbers', { targets: { x: { ...allow, satisfied: [1] }, y: allow } }],
    ['a reason that is text', { targets: { x: { ...allow, reasons: ['no'] }, y: allow } }],
    [
      'a reason with less',
      { targets: { x: { ...allow, reasons: [{ control: 'a', rule: 'b', message: 'c' }] }, y: allow } },
    ],
    ['a reason with numbers', { targets: { x: { ...allow, reasons: [{ ...reason, controls: [44] }] }, y: allow } }],
    ['an obligation without params', { targets: { x: { ...allow, obligations: [{ type: 'redact' }] }, y: allow } }],
    [
      'an obligation with a list of params',
      { targets: { x: { ...allow, obligations: [{ type: 'redact', params: [] }] }, y: allow } },
    ],
    ['an order of strangers', { targets: two, order: ['z'] }],
    ['an order that repeats', { targets: two, order: ['x', 'x'] }],
    ['an order that is text', { targets: two, order: 'x' }],
    ['a choice by something else', { targets: two, choose: { by: 'random' } }],
    ['a choice with a negative share', { targets: two, choose: { by: 'fair-share', shares: { t: -1 } } }],
    ['a choice with a share in words', { targets: two, choose: { by: 'fair-share', shares: { t: '1' } } }],
    [
      'a number beyond 2^53',
      { targets: { x: { ...allow, obligations: [{ type: 't', params: { n: '@' } }] }, y: allow } },
    ],
  ])('is malformed: %s', (_name, answer) => {
    const text = JSON.stringify(answer).replace('"@"', '9007199254740993')
    expect(() => decider.request(request(text))).toThrow(code('ERR_POLICY_MALFORMED'))
  })

  it.each<[string, Json]>([
    ['the answer for a request', { targets: two }],
    ['null', null],
    ['an unknown member', { ...allow, order: [] }],
  ])('for an answer is malformed: %s', (_name, answer) => {
    expect(() => decider.response(response(answer))).toThrow(code('ERR_POLICY_MALFORMED'))
  })

  it.each<[string, RequestInput, ErrorCode]>([
    ['undefined', request('not json'), 'ERR_POLICY_UNDEFINED'],
    [
      'a time that is none',
      { ...request({ targets: two }), context: { ...contextOf([]), time: 'now' } },
      'ERR_POLICY_MALFORMED',
    ],
    ['two targets of one id', request({ targets: { x: allow } }, ['a'], ['x', 'x']), 'ERR_POLICY_MALFORMED'],
  ])('fails: %s', (_name, input, expected) => {
    expect(() => decider.request(input)).toThrow(code(expected))
  })

  it('is made from a policy that has the entrypoint, or not at all', async () => {
    const files = { 'other.rego': 'package other\n\ndecision := 1\n' }
    const { wasm } = await toolchain.build({ files, entrypoints: ['other/decision'] })
    const engine = await loadEngine({ wasm, data: {} })
    expect(() => createDecider({ engine, revision: 'r' })).toThrow(code('ERR_POLICY_UNDEFINED'))
  })
})

describe('a decision takes its time from the input', async () => {
  const decider = await deciderOf(
    `decision := {"effect": "deny", "satisfied": [], "reasons": [{"control": "t", "rule": uuid.rfc4122("x"), "controls": [], "message": time.format(time.now_ns())}], "obligations": []}`,
  )

  it('and its random values from the call', () => {
    const [first, second] = [decider.response(response('', [])), decider.response(response('', []))]
    expect(first.verdict.reasons[0]?.message).toBe('2026-01-01T00:00:00Z')
    expect(second.verdict).toEqual(first.verdict)
  })
})

const verdictFor = (condition: string, satisfied: string): string => `
verdict(target) := {"effect": "allow", "satisfied": ${satisfied}, "reasons": [], "obligations": []} if {
  ${condition}
} else := {"effect": "deny", "satisfied": [], "reasons": [], "obligations": []}

decision := {"targets": {t.id: verdict(t) | some t in input.targets}} if input.phase == "request"

decision := verdict(input.target) if input.phase == "response"`

type Schema = Readonly<{
  $ref?: string
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  items?: Schema
  additionalProperties?: unknown
  definitions?: Readonly<Record<string, Schema>>
}>

describe('policies/schema/input.json', () => {
  const root: Schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../policies/schema/input.json'), 'utf8'))

  /** Paths at which the input and the schema name different members. */
  function differences(given: Json | undefined, schema: Schema | undefined, path: string): string[] {
    if (schema?.$ref !== undefined)
      return differences(given, root.definitions?.[schema.$ref.split('/').at(-1) ?? ''], path)
    if (Array.isArray(given)) return given.flatMap((item: Json) => differences(item, schema?.items, `${path}/0`))
    if (typeof given !== 'object' || given === null || schema?.properties === undefined) return []
    const { properties, required = [], additionalProperties } = schema
    const members = new Map<string, Json>(Object.entries(given))
    const wrong = [...members.keys()].filter((name) => properties[name] === undefined)
    const missing = required.filter((name) => !members.has(name))
    const inner = [...members].flatMap(([name, item]) => differences(item, properties[name], `${path}/${name}`))
    const open = additionalProperties === false ? [] : [`${path} is open`]
    return [...wrong, ...missing].map((name) => `${path}/${name}`).concat(open, inner)
  }

  it('names what the types name, in both phases', () => {
    const findings = [{ type: 'email', count: 1, roles: ['user'], max_score: 1 }]
    const references = [{ kind: 'image', where: 'remote', count: 1 }]
    const ask = request('')
    expect(differences({ ...ask, findings, call: { ...ask.call, references } }, root, '')).toEqual([])
    expect(differences({ ...response(''), findings }, root, '')).toEqual([])
    expect(differences({ ...ask, findigns: [] }, root, '')).toEqual(['/findigns'])
  })
})

describe('the canaries', () => {
  const SANE = verdictFor(
    'count(target.residency.processing) > 0\n  every region in target.residency.processing { region in {"DE", "FR"} }',
    '["a"]',
  )

  it('let a sane policy pass', async () => {
    const decider = await deciderOf(SANE)
    const good = { ...request('', ['a'], ['x']) }
    await expect(judgeCanaries(decider, { controls: ['a'], mustAllow: [good] })).resolves.toBeUndefined()
  })

  it.each([
    ['allows everything', verdictFor('true', '["a"]'), /outside of this world.*no residency/],
    ...DIALECTS.flatMap((dialect) =>
      OPERATIONS.map((operation): [string, string, RegExp] => [
        `allows everything for ${operation} in ${dialect}`,
        verdictFor(`input.call.dialect == "${dialect}"\n  input.call.operation == "${operation}"`, '["a"]'),
        new RegExp(`a target outside of this world, in ${dialect.replace('.', '\\.')} ${operation};`),
      ]),
    ),
    [
      'allows every answer in a dialect, and echoes the list of controls',
      verdictFor('input.phase == "response"\n  input.call.dialect == "bedrock.invoke"', 'input.context.controls'),
      /for an answer, in bedrock\.invoke chat, bedrock\.invoke count_tokens\)/,
    ],
    [
      'allows every region of none',
      verdictFor('every region in target.residency.processing { region in {"DE"} }', '["a"]'),
      /no residency/,
    ],
    [
      'echoes the list of controls',
      verdictFor('"DE" in target.residency.processing', 'input.context.controls').replace('"DE" in', 'not "DE" in'),
      /does not exist/,
    ],
    [
      'echoes the list of controls for answers',
      verdictFor('input.phase == "response"', 'input.context.controls'),
      /for an answer/,
    ],
  ])('refuse a policy that %s', async (_name, source, message) => {
    const decider = await deciderOf(source)
    await expect(judgeCanaries(decider, { controls: ['a'] })).rejects.toThrow(message)
    await expect(judgeCanaries(decider, { controls: ['a'] })).rejects.toThrow(code('ERR_POLICY_CANARY'))
  })

  it('take a fault for a denial, and refuse what denies a call that must be allowed', async () => {
    const decider = await deciderOf('decision := 1 if input.phase == "request"\n\ndecision := 2 if input.call.id')
    await expect(judgeCanaries(decider, { controls: ['a'] })).resolves.toBeUndefined()
    const sane = await deciderOf(SANE)
    const elsewhere = {
      ...request('', ['a'], ['x']),
      targets: [{ ...target('x'), residency: { endpoint: ['US'], processing: ['US'], storage: ['US'] } }],
    }
    await expect(judgeCanaries(sane, { controls: ['a'], mustAllow: [elsewhere] })).rejects.toThrow(
      code('ERR_POLICY_CANARY'),
    )
  })
})
