import type { Counted } from './scene.ts'

/** What a test asks an SDK for. */
export type Ask = Readonly<{
  streamed: boolean
  say: string
  model: string
  /** Sent as `x-customhouse-meta-case`: what the probe's policy shall do. */
  case?: string
  headers?: Readonly<Record<string, string>>
  /** How often the SDK may repeat the call by itself. */
  retries: number
  /** Declares the tool `lookup(city)`. */
  tool?: boolean
  /** The answer of the tool, sent back after the model's call of it. */
  toolResult?: Readonly<{ id: string; arguments: string; result: string }>
  signal?: AbortSignal
  /** Called with each piece of text as it comes. */
  onText?: (text: string) => void
  key: string
  /** Sends and counts. Who has no `fetch` puts its calls into `calls` itself. */
  fetch: typeof fetch
  calls: Counted['calls']
  baseURL: string
}>

/** What the SDK made of the answer. */
export type Heard = Readonly<{
  text: string
  tools: readonly Readonly<{ id: string; name: string; arguments: unknown }>[]
  finish: string | null
  tokens: number | undefined
}>

/** One SDK: asks, and throws exactly what the SDK throws. */
export type Driver = (ask: Ask) => Promise<Heard>

export const TOOL = {
  name: 'lookup',
  description: 'Looks a city up.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
} as const

/** Members that an error must have; a RegExp is matched. */
export type Raised = Readonly<Record<string, unknown>>
export type Fault =
  | 'denied'
  | 'wrong key'
  | 'unknown model'
  | 'malformed'
  | 'rate limited'
  | 'quota'
  | 'provider 500'
  | 'hang-up'
  | 'broken answer'
  | 'broken stream'
  | 'fault in the stream'
  | 'cut off'
  | 'answer denied'
