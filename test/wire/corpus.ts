import { EventStreamCodec } from '@smithy/eventstream-codec'
import type { Dialect } from '../../src/core/call.ts'
import {
  anthropicStream,
  converseStream,
  fixturesFolder,
  invokeStream,
  openaiStream,
  type Recording,
  recordings,
  type Speech,
} from '../kit/index.ts'
import { DOORS, type Door } from './doors.ts'
import { type Text, textOf } from './mutate.ts'

/** What a campaign begins with: calls, and answers to them. From the recordings where they are here, and from a few of our own always. */
export type Asked = Readonly<{ door: Door; path: string; stream: boolean; body: Text }>

/** An answer in its pieces: one whole text, server-sent events, or frames of AWS's event stream. */
export type Spoken =
  | Readonly<{ form: 'whole'; text: Text }>
  | Readonly<{ form: 'events'; events: readonly Event[] }>
  | Readonly<{ form: 'frames'; frames: readonly Frame[] }>
/** `name` is null where the event has none; `data` is a lexeme that is no JSON where its data are none (`[DONE]`). */
export type Event = Readonly<{ name: string | null; data: Text }>
/** `wrapped`: the text goes as base64 in a member `bytes`. */
export type Frame = Readonly<{ type: string; kind: string; payload: Text; wrapped: boolean }>

export type Corpus = Readonly<{
  asked: readonly Asked[]
  spoken: ReadonlyMap<string, readonly Spoken[]>
  recorded: number
}>

/** Names the list of a corpus that answers a call. */
export const keyOf = (dialect: Dialect, stream: boolean): string => `${dialect} ${stream ? 'streamed' : 'whole'}`

const FOLDERS: Readonly<Record<Dialect, string>> = {
  'openai.chat': 'openai/openai-chat',
  'anthropic.messages': 'anthropic/anthropic-messages',
  'bedrock.converse': 'bedrock/bedrock-converse',
  'bedrock.invoke': 'bedrock/bedrock-invoke',
}
/** Pictures and documents by the megabyte would only slow a campaign down. */
const MOST = 24_000

export function readCorpus(): Corpus {
  const asked: Asked[] = DOORS.flatMap(own)
  const spoken = new Map(DOORS.flatMap(ownAnswers))
  let recorded = 0
  if (fixturesFolder() === null) return { asked, spoken, recorded }
  for (const door of DOORS) {
    for (const recording of recordings(FOLDERS[door.dialect]) ?? []) {
      const call = askedIn(door, recording)
      const answer = spokenIn(recording)
      if (call === null || answer === null) continue
      recorded++
      asked.push(call)
      spoken.get(keyOf(door.dialect, call.stream))?.push(answer)
    }
  }
  return { asked, spoken, recorded }
}

const STREAMED: Readonly<Record<string, string>> = {
  '/converse': '/converse-stream',
  '/invoke': '/invoke-with-response-stream',
}

export function pathFor(door: Door, stream: boolean): string {
  return stream ? door.path.replace(/\/[a-z]+$/, (operation) => STREAMED[operation] ?? operation) : door.path
}

const TOOL = { type: 'object', properties: { city: { type: 'string', description: 'Where' } }, required: ['city'] }
const MORE: Readonly<Record<Dialect, string>> = {
  'openai.chat': `,"temperature":0.50,"seed":9007199254740993,"tools":[{"type":"function","function":{"name":"weather","parameters":${JSON.stringify(TOOL)}}}],"metadata":{"k":"v"}`,
  'anthropic.messages': `,"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}],"temperature":1.0,"tools":[{"name":"weather","description":"of a city","input_schema":${JSON.stringify(TOOL)}}]`,
  'bedrock.converse': `,"system":[{"text":"be brief"}],"inferenceConfig":{"maxTokens":64,"temperature":0.0},"toolConfig":{"tools":[{"toolSpec":{"name":"weather","inputSchema":{"json":${JSON.stringify(TOOL)}}}}]}`,
  'bedrock.invoke': `,"system":"be brief","top_k":5,"tools":[{"name":"weather","input_schema":${JSON.stringify(TOOL)}}]`,
}

/** Many values under a name that is as long as may be. */
const LONG = `,"metadata":{"${'n'.repeat(1_000)}":[${'"a",'.repeat(200)}"b"]}`

function own(door: Door): Asked[] {
  return [false, true].flatMap((stream) =>
    ['', MORE[door.dialect], LONG].map((more) => ({
      door,
      stream,
      path: pathFor(door, stream),
      body: textOf(JSON.parse(door.body(`${more}${stream && door.kind !== 'bedrock' ? ',"stream":true' : ''}`))),
    })),
  )
}

const SPEECHES: readonly Speech[] = [
  { texts: ['Good day to you.'] },
  { texts: ['It is: '], tools: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Rome"}' }] },
]

function ownAnswers(door: Door): [string, Spoken[]][] {
  const streams = SPEECHES.map((speech): Spoken => {
    if (door.dialect === 'openai.chat') return eventsOf(openaiStream(speech, { includeUsage: true }).join(''))
    if (door.dialect === 'anthropic.messages') return eventsOf(anthropicStream(speech).join(''))
    return framesOf(Buffer.concat(door.dialect === 'bedrock.converse' ? converseStream(speech) : invokeStream(speech)))
  })
  return [
    [keyOf(door.dialect, false), [{ form: 'whole', text: textOf(door.answer) }]],
    [keyOf(door.dialect, true), streams],
  ]
}

function askedIn(door: Door, { request }: Recording): Asked | null {
  const { body, url } = request
  if (typeof body !== 'object' || body === null || JSON.stringify(body).length > MOST) return null
  if (door.kind === 'bedrock') {
    // Of the models behind InvokeModel those of Anthropic alone have a codec.
    if (door.dialect === 'bedrock.invoke' && !('anthropic_version' in body)) return null
    const stream = url.includes('-stream')
    return { door, stream, path: pathFor(door, stream), body: textOf(body) }
  }
  const stream = Reflect.get(body, 'stream') === true
  return { door, stream, path: door.path, body: textOf({ ...body, model: door.model }) }
}

function spokenIn({ response }: Recording): Spoken | null {
  const { status, bytes, framing } = response
  if (status !== 200 || bytes.length > MOST) return null
  if (framing === 'sse') return eventsOf(bytes.toString('utf8'))
  if (framing !== 'json') return framesOf(bytes)
  return { form: 'whole', text: textOf(JSON.parse(bytes.toString('utf8'))) }
}

function eventsOf(text: string): Spoken {
  const events = text.split(/\r?\n\r?\n/).flatMap((block): Event[] => {
    const data = /^data: ?(.*)$/m.exec(block)?.[1]
    if (data === undefined) return []
    const name = /^event: ?(.*)$/m.exec(block)?.[1] ?? null
    return [{ name, data: data.startsWith('{') ? textOf(JSON.parse(data)) : { lexeme: data } }]
  })
  return { form: 'events', events }
}

export const EVENT_STREAM = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
)

function framesOf(bytes: Buffer): Spoken {
  const frames: Frame[] = []
  for (let at = 0; at + 12 < bytes.length; ) {
    const end = at + bytes.readUInt32BE(at)
    const { headers, body } = EVENT_STREAM.decode(bytes.subarray(at, end))
    const kind = String(headers[':message-type']?.value ?? 'event')
    const type = String(headers[`:${kind}-type`]?.value ?? '')
    const payload: unknown = JSON.parse(Buffer.from(body).toString('utf8') || '{}')
    const inner =
      typeof payload === 'object' && payload !== null && type === 'chunk' ? Reflect.get(payload, 'bytes') : undefined
    const wrapped = typeof inner === 'string'
    const text = wrapped ? JSON.parse(Buffer.from(inner, 'base64').toString('utf8')) : payload
    frames.push({ type, kind, payload: textOf(text), wrapped })
    at = end
  }
  return { form: 'frames', frames }
}
