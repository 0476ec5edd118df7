import { expect } from 'vitest'
import { EVENT_STREAM } from '../../wire/corpus.ts'
import type { Column } from './columns.ts'

/** What a client got; `broken` where the connection or the stream ended without its end, `status` null where no answer began. */
export type Heard = Readonly<{ status: number | null; headers: Headers; body: Buffer; broken: boolean; call: string }>

/** An error of ours: its status, and its code without `ERR_`, in lower case. */
export type Fault = Readonly<{ status: number; code: string; says?: string }>

/** What each dialect calls an error of ours; where nothing is said of a code, its own name stands. */
const OPENAI_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  502: 'server_error',
  503: 'server_error',
  504: 'timeout_error',
}
const OPENAI_CODES: Readonly<Record<string, string>> = {
  call_unknown_model: 'model_not_found',
  call_unknown_route: 'unknown_url',
  identity_missing: 'invalid_api_key',
  identity_invalid: 'invalid_api_key',
}
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}
const EXCEPTIONS: Readonly<Record<string, string>> = {
  call_malformed: 'ValidationException',
  call_unknown_route: 'UnknownOperationException',
  call_unknown_model: 'ResourceNotFoundException',
  identity_missing: 'MissingAuthenticationTokenException',
  identity_invalid: 'UnrecognizedClientException',
  policy_denied: 'AccessDeniedException',
  provider_unreachable: 'ServiceUnavailableException',
  provider_malformed: 'ServiceUnavailableException',
  provider_truncated: 'ServiceUnavailableException',
  provider_timeout: 'ModelTimeoutException',
  ledger_unavailable: 'ServiceUnavailableException',
  gateway_draining: 'ServiceUnavailableException',
}

const TEXT = expect.any(String)

function openaiError({ status, code }: Fault, form: Column['form']): Record<string, unknown> {
  const type = status === 403 && form === 'mistral' ? 'policy_denied' : OPENAI_TYPES[status]
  return { message: TEXT, type, param: null, code: OPENAI_CODES[code] ?? code }
}

/** The body of a refusal. */
function refusal({ form }: Column, fault: Fault, call: string): unknown {
  if (form === 'openai') return { error: openaiError(fault, form) }
  if (form === 'mistral') return { object: 'error', ...openaiError(fault, form) }
  if (form === 'bedrock') return { message: TEXT }
  return { type: 'error', error: { type: ANTHROPIC_TYPES[fault.status], message: TEXT }, request_id: call }
}

/** The client was refused with an error of ours, whole and in its dialect. */
export function expectRefusal(column: Column, heard: Heard, fault: Fault): void {
  const { status, headers, body, broken, call } = heard
  expect({ status, broken, body: body.toString() }).toMatchObject({ status: fault.status, broken: false })
  expect(headers.get('content-type')).toBe('application/json')
  expect(call).toMatch(/^[0-9a-f-]{36}$/)
  expect(headers.get(column.voice.idHeader)).toBe(call)
  const exception = headers.get('x-amzn-errortype')
  expect(exception).toBe(column.form === 'bedrock' ? EXCEPTIONS[fault.code] : null)
  expect(JSON.parse(body.toString())).toEqual(refusal(column, fault, call))
  expect(body.toString()).toContain(fault.says ?? '')
}

/** One event of a stream: its name, and what it holds. */
type Event = Readonly<{ name: string; data: unknown }>

/** The whole events of an answer in server-sent events, or in AWS's frames: what an invocation wraps is unwrapped. `left` are bytes behind them. */
function eventsOf({ door }: Column, body: Buffer): Readonly<{ events: readonly Event[]; left: number }> {
  if (door.kind === 'bedrock') return framesOf(body)
  const parts = body.toString().split('\n\n')
  const left = parts.pop() ?? ''
  const events = parts.map((text) => {
    const lines = text.split('\n')
    const value = (name: string): string =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
    const data = value('data')
    return { name: value('event'), data: data === '[DONE]' ? data : JSON.parse(data) }
  })
  return { events, left: left.length }
}

function framesOf(body: Buffer): ReturnType<typeof eventsOf> {
  const events: Event[] = []
  let at = 0
  while (at + 4 <= body.length && at + body.readUInt32BE(at) <= body.length) {
    const end = at + body.readUInt32BE(at)
    const { headers, body: payload } = EVENT_STREAM.decode(body.subarray(at, end))
    at = end
    const kind = String(headers[':message-type']?.value)
    const name = String(headers[`:${kind}-type`]?.value)
    const data: unknown = JSON.parse(Buffer.from(payload).toString())
    const wrapped = member(data, 'bytes')
    const inner = typeof wrapped === 'string' ? JSON.parse(Buffer.from(wrapped, 'base64').toString()) : data
    events.push({ name: kind === 'exception' ? `exception ${name}` : name, data: inner })
  }
  return { events, left: body.length - at }
}

/** The text of the beginning of a stream. */
export const saidIn = (column: Column, body: Buffer): string => eventsOf(column, body).events.map(textOf).join('')

/** The events of a stream that is over. */
function allEvents(column: Column, { body }: Heard): readonly Event[] {
  const { events, left } = eventsOf(column, body)
  expect(left).toBe(0)
  return events
}

function member(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? Reflect.get(at, String(name)) : undefined),
    value,
  )
}

/** Whether an event tells the client that the answer is complete. */
function isEnd({ name, data }: Event): boolean {
  const finish = member(data, 'choices', 0, 'finish_reason') ?? null
  return (
    data === '[DONE]' ||
    (finish !== null && finish !== 'error') ||
    name === 'messageStop' ||
    member(data, 'type') === 'message_stop' ||
    (member(data, 'delta', 'stop_reason') ?? null) !== null
  )
}

const textOf = ({ data }: Event): string =>
  String(member(data, 'choices', 0, 'delta', 'content') ?? member(data, 'delta', 'text') ?? '')

/** The event that breaks a stream off with an error of ours. */
function cutOff({ form }: Column, fault: Fault, call: string): Event {
  if (form === 'openai') return { name: '', data: { error: openaiError(fault, form) } }
  if (form === 'bedrock') return { name: 'exception validationException', data: { message: TEXT } }
  if (form === 'anthropic') {
    const error = { type: ANTHROPIC_TYPES[fault.status], message: TEXT }
    return { name: 'error', data: { type: 'error', error, request_id: call } }
  }
  const choices = [{ index: 0, delta: { content: '' }, finish_reason: 'error' }]
  return { name: '', data: expect.objectContaining({ choices, error: openaiError(fault, form) }) }
}

/** The client got the beginning of `spoken`, then an error of ours in its dialect, and never a sign of the end. */
export function expectCutOff(column: Column, heard: Heard, fault: Fault, spoken: string): void {
  const { status, broken, call } = heard
  expect({ status, broken }).toEqual({ status: 200, broken: false })
  const events = allEvents(column, heard)
  expect(events.at(-1)).toEqual(cutOff(column, fault, call))
  expect(JSON.stringify(events.at(-1)?.data)).toContain(fault.says ?? '')
  expect(events.filter(isEnd)).toEqual([])
  const text = events.slice(0, -1).map(textOf).join('')
  expect(text).not.toBe('')
  expect(spoken.startsWith(text), text).toBe(true)
}

/** The client got all of `spoken`, and its dialect's end. */
export function expectWhole(column: Column, heard: Heard, spoken: string): void {
  const { status, body, broken } = heard
  expect({ status, broken, body: status === 200 ? '' : body.toString() }).toEqual({
    status: 200,
    broken: false,
    body: '',
  })
  if (column.streamed) {
    const events = allEvents(column, heard)
    expect(events.map(textOf).join('')).toBe(spoken)
    expect(events.some(isEnd)).toBe(true)
    return
  }
  expect(Object.keys(JSON.parse(body.toString())).length).toBeGreaterThan(0)
  if (column.door.provider !== 'count') expect(body.toString()).toContain(spoken)
}

/** Whether the client takes the answer for complete. */
export function hasEnded(column: Column, { status, body }: Heard): boolean {
  return status === 200 && (!column.streamed || eventsOf(column, body).events.some(isEnd))
}

/** The provider's own error came through: its status, or its word in the stream, and its message. */
export function expectProviders(column: Column, heard: Heard, status: number, says: string): void {
  expect(heard).toMatchObject({ status, broken: false })
  expect(heard.body.toString()).toContain(says)
  if (status !== 200) {
    expect(heard.headers.get('content-type')).toBe('application/json')
    return
  }
  const events = allEvents(column, heard)
  expect(JSON.stringify(events.at(-1)?.data)).toContain(says)
  expect(events.filter(isEnd)).toEqual([])
}

/** The whole answer is refused; a stream, which has begun, is cut off. */
export function expectEnd(column: Column, heard: Heard, fault: Fault, spoken: string): void {
  if (column.streamed) expectCutOff(column, heard, fault, spoken)
  else expectRefusal(column, heard, fault)
}

/** What everybody hears who cannot be recorded. */
export const UNRECORDED: Fault = { status: 503, code: 'ledger_unavailable', says: 'cannot be recorded' }
