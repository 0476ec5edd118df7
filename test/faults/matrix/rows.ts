import { LONG } from '../../e2e/table.ts'
import { hangUp, redirect, type Script, silence, stream } from '../../kit/index.ts'
import type { Asked, Asking } from './ask.ts'
import type { Border } from './border.ts'
import type { Column, Route } from './columns.ts'
import type { Fault } from './native.ts'

/** What the client sees in the end. */
export type Sees =
  | 'whole'
  | 'nothing'
  | Readonly<{ refused: Fault }>
  | Readonly<{ cutOff: Fault }>
  | Readonly<{ providers: number; says: string }>

/** One thing that breaks: how it is broken, and what must hold then, in every column. */
export type Row = Readonly<{
  breaks: string
  /** Columns in which it can break; all, if absent. */
  where?: (column: Column) => boolean
  /** Asked over HTTP/2 in clear text as well: what depends on how the socket ends. */
  h2c?: true
  route?: Route
  case?: string
  call?: Partial<Asked>
  /** What the first provider does; `gate` settles after `act`. Default: it speaks. */
  plays?: (column: Column, gate: Promise<unknown>) => Script
  /** What happens once the call has arrived at the provider, or once the client has the beginning of the answer. */
  act?: Readonly<{ once: 'arrived' | 'began'; does: (border: Border, asking: Asking) => void }>
  sees: (column: Column) => Sees
  /** Requests that reach the first and the second provider. */
  reached: readonly [number, number]
  trail: readonly string[]
  /** Members of the last record. */
  last?: (column: Column) => Readonly<Record<string, unknown>>
  /** Code under which it is counted, where it leaves no record of its own. */
  counted?: string
}>

const streams = ({ streamed }: Column): boolean => streamed
/** What is counted is no text: no inspector is asked about it. */
const speaks = ({ door }: Column): boolean => door.provider !== 'count'
const answered = ['call.intent', 'call.outcome'] as const
const failed = ['call.intent', 'call.attempt_failed'] as const

export const speak = ({ voice, streamed }: Column): Script => voice.speak({ texts: [LONG] }, streamed)

/** The middle of an answer: half of its pieces, or nothing of a whole one. */
const middleOf = (script: Script): number => (script.length < 5 ? 0 : Math.floor(script.length / 2))

/** Half of an answer, then the other half once the gate is open. */
export function held(column: Column, gate: Promise<unknown>): Script {
  const script = speak(column)
  return script.toSpliced(middleOf(script), 0, { until: gate })
}

/** All of an answer but its end, which comes once the gate is open. */
export function unfinished(column: Column, gate: Promise<unknown>): Script {
  const script = speak(column)
  return script.toSpliced(column.streamed ? -12 : 0, 0, { until: gate })
}

/** The beginning of an answer, and then these steps. */
const begun = (column: Column, ...rest: Script): Script => {
  const script = speak(column)
  return [...script.slice(0, middleOf(script)), ...rest]
}

const garbage = (column: Column): Script =>
  column.streamed
    ? begun(column, ...stream(['data: {"choices":[{"index":0,\n\n', 'x'.repeat(300)]).slice(1))
    : [{ write: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"id":"a"' }]

const denied = (rule: string): Fault => ({ status: 403, code: 'policy_denied', says: rule })
const broken = (status: number, what: string): Fault => ({ status, code: `provider_${what}` })

/** A fault that ends an answer: nothing of a whole one was released, of a stream some was. */
const ends = (fault: Fault) => (column: Column) => (column.streamed ? { cutOff: fault } : { refused: fault })
const refuses = (fault: Fault) => () => ({ refused: fault })
const isWhole = (): Sees => 'whole'

const policyRow = (kind: string, rule: string): readonly Row[] => [
  {
    breaks: `the policy ${kind}`,
    case: `${kind === 'is undefined' ? 'undefined' : kind === 'throws' ? 'threw' : kind === 'runs out of fuel' ? 'fuel' : 'silent'}-request`,
    sees: refuses(denied(rule)),
    reached: [0, 0],
    trail: ['call.denied'],
    last: ({ streamed }) => ({ code: 'ERR_POLICY_DENIED', status: 403, stream: streamed }),
  },
]

const answerRow = (name: string, kind: string, rule: string): readonly Row[] => [
  {
    breaks: `the policy ${name} over the first of the answer`,
    case: `${kind}-answer`,
    sees: refuses(denied(rule)),
    reached: [1, 0],
    trail: answered,
    last: () => ({ ending: 'denied', status: 403, bytes: 0 }),
  },
  {
    breaks: `the policy ${name} over the end of the answer`,
    case: `${kind}-end`,
    sees: ends(denied(rule)),
    reached: [1, 0],
    trail: answered,
    last: ({ streamed }) => ({ ending: streamed ? 'cut_off' : 'denied', status: streamed ? 200 : 403 }),
  },
]

export const POLICY: readonly Row[] = [
  ...policyRow('is undefined', 'policy/undefined'),
  ...policyRow('throws', 'policy/threw'),
  ...policyRow('runs out of fuel', 'policy/out-of-fuel'),
  ...policyRow('has a control that is silent', 'probe/unsatisfied'),
  ...answerRow('is undefined', 'undefined', 'policy/undefined'),
  ...answerRow('throws', 'threw', 'policy/threw'),
  ...answerRow('runs out of fuel', 'fuel', 'policy/out-of-fuel'),
]

const INSPECTOR = denied('base/inspector-failed')
const breaking = (fault: 'inspect throws' | 'inspect hangs') => (border: Border) => void border.probe.faults.add(fault)

export const INSPECTORS: readonly Row[] = (['throws', 'is late'] as const).flatMap((how): readonly Row[] => {
  const fault = how === 'throws' ? 'inspect throws' : 'inspect hangs'
  return [
    {
      breaks: `an inspector ${how} over the call`,
      case: fault,
      sees: refuses(INSPECTOR),
      reached: [0, 0],
      trail: ['call.denied'],
      last: () => ({ code: 'ERR_POLICY_DENIED', status: 403 }),
    },
    {
      breaks: `an inspector ${how} before the first byte of the answer`,
      where: speaks,
      plays: (column, gate) => [{ until: gate }, ...speak(column)],
      act: { once: 'arrived', does: breaking(fault) },
      sees: refuses(INSPECTOR),
      reached: [1, 0],
      trail: answered,
      last: () => ({ ending: 'denied', status: 403, bytes: 0 }),
    },
    {
      breaks: `an inspector ${how} in mid-stream`,
      where: streams,
      h2c: true,
      plays: held,
      act: { once: 'began', does: breaking(fault) },
      sees: () => ({ cutOff: INSPECTOR }),
      reached: [1, 0],
      trail: answered,
      last: () => ({ ending: 'cut_off', status: 200 }),
    },
  ]
})

const stranger = (breaks: string, status: number, code: string, call: Partial<Asked>): Row => ({
  breaks,
  h2c: true,
  call,
  sees: refuses({ status, code }),
  reached: [0, 0],
  trail: [],
  counted: `ERR_${code.toUpperCase()}`,
})

export const STRANGERS: readonly Row[] = [
  stranger('the call is cut short', 400, 'call_malformed', { body: (body) => body.slice(0, -1) }),
  stranger('the call has a member twice', 400, 'call_malformed', {
    body: (body) => body.replace('"messages"', '"messages":[],"messages"'),
  }),
  stranger('the path is unknown', 404, 'call_unknown_route', { path: (path) => `${path}/nothing` }),
  stranger('the model is unknown', 404, 'call_unknown_model', { model: 'nobodys-model' }),
  stranger('the credential is unknown', 401, 'identity_invalid', { key: 'chk_nobody_knows_this_key' }),
  stranger('the credential is missing', 401, 'identity_missing', { key: null }),
]

/** A provider that does not begin to answer: with no other target its error, else the other's answer. */
const unanswered = (
  breaks: string,
  routes: readonly [Route, Route],
  plays: (column: Column) => Script,
  sees: (column: Column) => Sees,
  { reached = 1, own = false } = {},
): readonly Row[] => [
  {
    breaks,
    route: routes[0],
    plays,
    sees,
    reached: [reached, 0],
    trail: own ? answered : failed,
    last: () => (own ? { ending: 'provider_error' } : { attempt: 1 }),
  },
  {
    breaks: `${breaks}, and there is another target`,
    route: routes[1],
    plays,
    sees: isWhole,
    reached: [reached, 1],
    trail: [...failed, ...answered],
    last: () => ({ attempt: 2, ending: 'complete', status: 200 }),
  },
]

const ALONE = ['alone', 'both'] as const
const NO_CREDENTIAL = 401

export const PROVIDERS: readonly Row[] = [
  ...unanswered('the provider is down', ['dead', 'dead-both'], speak, refuses(broken(502, 'unreachable')), {
    reached: 0,
  }),
  ...unanswered('the provider hangs up before it answers', ALONE, () => hangUp, refuses(broken(502, 'unreachable'))),
  ...unanswered('the provider is silent', ['slow', 'slow-both'], () => silence, refuses(broken(504, 'timeout'))),
  ...unanswered(
    'the provider redirects',
    ALONE,
    () => redirect('http://127.0.0.1:9/elsewhere'),
    refuses(broken(502, 'malformed')),
  ),
  ...unanswered(
    "the provider refuses the gateway's credential",
    ALONE,
    ({ voice }) => voice.failure(NO_CREDENTIAL).script,
    refuses(broken(502, 'unreachable')),
  ),
  ...unanswered(
    'the provider answers 429',
    ALONE,
    ({ voice }) => voice.tooMany(0).script,
    ({ voice }) => ({ providers: 429, says: voice.tooMany(0).message }),
    { own: true },
  ),
  ...[500, 503].flatMap((status) =>
    unanswered(
      `the provider answers ${status}`,
      ALONE,
      ({ voice }) => voice.failure(status).script,
      ({ voice }) => ({ providers: status, says: voice.failure(status).message }),
      { own: true },
    ),
  ),
  ...(
    [
      [
        'hangs up in the middle of its answer',
        ({ voice, streamed }) => voice.broken(LONG, streamed, 'fin'),
        'truncated',
      ],
      [
        'resets in the middle of its answer',
        ({ voice, streamed }) => voice.broken(LONG, streamed, 'reset'),
        'truncated',
      ],
      [
        'ends its answer early, in good order',
        ({ voice, streamed }) => voice.broken(LONG, streamed, streamed ? 'done' : 'fin'),
        'truncated',
      ],
      ['talks rubbish in the middle of its answer', garbage, 'malformed'],
    ] as readonly (readonly [string, (column: Column) => Script, string])[]
  ).map(
    ([how, plays, code]): Row => ({
      breaks: `the provider ${how}`,
      h2c: true,
      route: 'both',
      plays,
      sees: ends(broken(502, code)),
      reached: [1, 0],
      trail: answered,
      last: ({ streamed }) => ({ ending: 'provider_truncated', status: streamed ? 200 : 502, finish: null }),
    }),
  ),
  {
    breaks: 'the provider falls silent in the middle of its answer',
    route: 'slow-both',
    plays: (column) => (column.streamed ? begun(column, 'hold') : [{ write: 'HTTP/1.1 200 OK\r\n' }, ...BEGINNING]),
    sees: ends(broken(504, 'timeout')),
    reached: [1, 0],
    trail: answered,
    last: ({ streamed }) => ({ ending: 'provider_truncated', status: streamed ? 200 : 504, finish: null }),
  },
  {
    breaks: 'the provider says in mid-stream that it failed',
    where: streams,
    plays: ({ voice }) => voice.faulty(LONG).script,
    sees: ({ voice }) => ({ providers: 200, says: voice.faulty(LONG).message }),
    reached: [1, 0],
    trail: answered,
    last: ({ voice }) => ({ ending: 'provider_error', status: 200, fault: voice.faulty(LONG).code, finish: null }),
  },
]
const BEGINNING: Script = [{ write: 'content-type: application/json\r\ncontent-length: 99\r\n\r\n{' }, 'hold']

const hangsUp = (_: Border, asking: Asking): void => asking.hangUp()

export const CLIENTS: readonly Row[] = [
  {
    breaks: 'the client hangs up before the answer',
    h2c: true,
    plays: () => silence,
    act: { once: 'arrived', does: hangsUp },
    sees: () => 'nothing',
    reached: [1, 0],
    trail: answered,
    last: () => ({ ending: 'client_gone', bytes: 0, finish: null }),
  },
  {
    breaks: 'the client hangs up in mid-stream',
    where: streams,
    h2c: true,
    plays: (column) => begun(column, 'hold'),
    act: { once: 'began', does: hangsUp },
    sees: () => 'nothing',
    reached: [1, 0],
    trail: answered,
    last: () => ({ ending: 'client_gone', finish: null }),
  },
]
