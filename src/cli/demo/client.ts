import { eventStreamDecoder } from '../../dialects/eventstream.ts'
import type { Ground } from './ground.ts'

/** What a client got. `chunks` are the pieces of text of a stream, one for a whole answer; `ended`: the dialect's own end came. */
export type Answered = Readonly<{
  status: number
  call: string
  raw: string
  chunks: readonly string[]
  ended: boolean
  /** Milliseconds since 1970. */
  finishedAt: number
}>

/** `text` is what the user says; without one, {@link QUESTION}. */
export type Question = Readonly<{ dialect?: keyof typeof WAYS; model: string; stream: boolean; text?: string }>

const QUESTION = 'Summarise the claim of a policy holder in two sentences.'

type Heard = Readonly<{ chunks: readonly string[]; ended: boolean }>
type Way = Readonly<{
  path(question: Question): string
  /** Where the SDK of this dialect puts its key. */
  credential(key: string): Record<string, string>
  body(question: Question): Record<string, unknown>
  heard(bytes: Buffer): Heard
}>

/** What is read of an event, whichever dialect it is of. */
type Piece = Readonly<{
  type?: string
  delta?: Readonly<{ text?: string }>
  choices?: readonly Readonly<{ delta: Readonly<{ content?: string }> }>[]
}>
const piece = (json: string): Piece => JSON.parse(json) as Piece

const messages = ({ text }: Question) => [{ role: 'user', content: text ?? QUESTION }]

const WAYS = {
  openai: {
    path: () => '/openai/v1/chat/completions',
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    body: (question) => ({ model: question.model, stream: question.stream, messages: messages(question) }),
    heard: (bytes) => {
      const events = bytes.toString().split('\n\n')
      return {
        chunks: events
          .filter((event) => event.startsWith('data: {'))
          .map((event) => piece(event.slice(6)).choices?.[0]?.delta.content ?? ''),
        ended: events.includes('data: [DONE]'),
      }
    },
  },
  anthropic: {
    path: () => '/anthropic/v1/messages',
    credential: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
    body: (question) => ({
      model: question.model,
      stream: question.stream,
      messages: messages(question),
      max_tokens: 256,
    }),
    heard: (bytes) => {
      const events = bytes
        .toString()
        .split('\n\n')
        .filter((event) => event !== '')
        .map((event) => piece(event.slice(event.indexOf('data: ') + 6)))
      return {
        chunks: events.map(({ delta }) => delta?.text ?? ''),
        ended: events.at(-1)?.type === 'message_stop',
      }
    },
  },
  bedrock: {
    path: ({ model, stream }) => `/bedrock/model/${model}/converse${stream ? '-stream' : ''}`,
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    body: ({ text }) => ({ messages: [{ role: 'user', content: [{ text: text ?? QUESTION }] }] }),
    heard: (bytes) => {
      // Throws where a checksum is wrong.
      const events = eventStreamDecoder(1 << 20)
        .push(bytes)
        .map(({ headers, body }) => ({
          type: headers.get(':event-type'),
          payload: piece(Buffer.from(body).toString()),
        }))
      return {
        chunks: events.map(({ payload }) => payload.delta?.text ?? ''),
        ended: events.some(({ type }) => type === 'messageStop'),
      }
    },
  },
} satisfies Record<string, Way>

/** A call as an SDK of the dialect would make it. */
export async function ask({ customhouse, key }: Ground, question: Question): Promise<Answered> {
  const way: Way = WAYS[question.dialect ?? 'openai']
  const response = await fetch(customhouse.data + way.path(question), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...way.credential(key) },
    body: JSON.stringify(way.body(question)),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const streamed = !(response.headers.get('content-type') ?? '').startsWith('application/json')
  const heard = streamed ? way.heard(bytes) : { chunks: [wholeOf(bytes.toString())], ended: true }
  return {
    status: response.status,
    call: response.headers.get('x-customhouse-call') ?? '',
    raw: bytes.toString(),
    ...heard,
    finishedAt: Date.now(),
  }
}

type Whole = Readonly<{
  choices?: readonly Readonly<{ message: Readonly<{ content: string }> }>[]
  error?: Readonly<{ message: string }>
}>

function wholeOf(raw: string): string {
  const { choices, error } = JSON.parse(raw) as Whole
  return choices?.[0]?.message.content ?? error?.message ?? raw
}
