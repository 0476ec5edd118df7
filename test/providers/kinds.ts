import type { Dispatch, ProviderKind } from '../../src/core/call.ts'
import type { Answer, Provider } from '../../src/core/port.ts'
import type { ProviderOptions } from '../../src/providers/adapter.ts'
import { createAnthropic } from '../../src/providers/anthropic.ts'
import { createAzure } from '../../src/providers/azure.ts'
import { createBedrock } from '../../src/providers/bedrock.ts'
import { createMistral } from '../../src/providers/mistral.ts'
import { createOpenAI } from '../../src/providers/openai.ts'
import { closing, dispatch, SECRET } from './setup.ts'

/** One kind of provider as the tests call it. */
export type Kind = Readonly<{
  kind: ProviderKind
  make: (options: ProviderOptions) => Provider
  /** What stands between origin and path. */
  prefix: string
  path: string
  /** What codecs write besides `content-type`. */
  headers: Readonly<Record<string, string>>
  /** The line that proves who calls, with SECRET. */
  proof: string
}>

const KEY = `Bearer ${SECRET}`

export const KINDS: readonly Kind[] = [
  {
    kind: 'openai',
    make: createOpenAI,
    prefix: '/v1',
    path: '/chat/completions',
    headers: { accept: 'text/event-stream' },
    proof: `authorization: ${KEY}`,
  },
  {
    kind: 'azure',
    make: createAzure,
    prefix: '/openai/v1',
    path: '/chat/completions?api-version=preview',
    headers: { accept: 'text/event-stream' },
    proof: `api-key: ${SECRET}`,
  },
  {
    kind: 'mistral',
    make: createMistral,
    prefix: '/v1',
    path: '/chat/completions',
    headers: { accept: 'text/event-stream' },
    proof: `authorization: ${KEY}`,
  },
  {
    kind: 'anthropic',
    make: createAnthropic,
    prefix: '',
    path: '/v1/messages',
    headers: { accept: 'text/event-stream', 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a-1,b-2' },
    proof: `x-api-key: ${SECRET}`,
  },
  {
    kind: 'bedrock',
    make: (options) => createBedrock({ ...options, region: 'eu-central-1', aws: false }),
    prefix: '',
    path: '/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream',
    headers: { accept: 'application/vnd.amazon.eventstream' },
    proof: `authorization: ${KEY}`,
  },
]

export type Opened = Readonly<{ made: Provider; open: (changes?: Partial<Dispatch>) => Promise<Answer> }>

/** A provider of a kind at an origin, and its `open` with a dispatch that is well-formed but for `changes`. Closed with the test. */
export function at(kind: Kind, origin: string, options: Partial<ProviderOptions> = {}): Opened {
  const made = kind.make({
    name: 'one',
    baseUrl: `${origin}${kind.prefix}`,
    credential: () => SECRET,
    timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 },
    maxSockets: 8,
    ...options,
  })
  closing(() => made.close())
  const url = `${origin}${kind.prefix}${kind.path}`
  const headers = { 'content-type': 'application/json', ...kind.headers }
  return {
    made,
    open: (changes = {}) => made.open({ ...dispatch(origin), url, headers, ...changes }, new AbortController().signal),
  }
}

export const named = (kind: string): Kind => {
  const found = KINDS.find((one) => one.kind === kind)
  if (found === undefined) throw new Error(kind)
  return found
}
