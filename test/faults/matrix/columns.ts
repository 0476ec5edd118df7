import { anthropicVoice } from '../../e2e/anthropic-voice.ts'
import { azureVoice } from '../../e2e/azure-voice.ts'
import { converseVoice, invokeVoice } from '../../e2e/bedrock-voice.ts'
import { mistralVoice } from '../../e2e/mistral-voice.ts'
import { openaiVoice, type Voice } from '../../e2e/voice.ts'
import { shortBody, whole } from '../../kit/index.ts'
import { ALL_DOORS, type Door } from '../../wire/doors.ts'

/** One column of the matrix: a dialect at one of its doors, asked for a whole answer or for a stream. */
export type Column = Readonly<{
  /** `<dialect>, <whole|stream>` */
  title: string
  door: Door
  voice: Voice
  streamed: boolean
  /** How its errors look. */
  form: 'openai' | 'mistral' | 'anthropic' | 'bedrock'
}>

const COUNTED = { input_tokens: 9 }
/** Counting has no text and no stream; all that fails, fails as for a message. */
const countVoice: Voice = {
  ...anthropicVoice,
  speak: () => whole(COUNTED),
  broken: (_, __, ending) => shortBody(COUNTED, 7, ending === 'reset' ? 'reset' : 'fin'),
}

const SPEAKERS: Readonly<Record<string, Pick<Column, 'voice' | 'form'>>> = {
  openai: { voice: openaiVoice, form: 'openai' },
  azure: { voice: azureVoice, form: 'openai' },
  mistral: { voice: mistralVoice, form: 'mistral' },
  anthropic: { voice: anthropicVoice, form: 'anthropic' },
  count: { voice: countVoice, form: 'anthropic' },
  converse: { voice: converseVoice, form: 'bedrock' },
  invoke: { voice: invokeVoice, form: 'bedrock' },
}

export const COLUMNS: readonly Column[] = ALL_DOORS.flatMap((door) => {
  const speaker = SPEAKERS[door.provider]
  if (speaker === undefined) throw new Error(`nobody speaks at the door of ${door.provider}`)
  const columns = [false, true].map((streamed) => ({
    title: `${door.title}, ${streamed ? 'stream' : 'whole'}`,
    door,
    streamed,
    ...speaker,
  }))
  return door.provider === 'count' ? columns.slice(0, 1) : columns
})

/** Where the calls of a route go: to the first recorder, the second, a port where nobody listens, or the first with little patience. */
export const ROUTES = {
  alone: ['one'],
  second: ['two'],
  both: ['one', 'two'],
  dead: ['dead'],
  'dead-both': ['dead', 'two'],
  slow: ['slow'],
  'slow-both': ['slow', 'two'],
} as const
export type Route = keyof typeof ROUTES

export const modelOf = (door: Door, route: Route): string => `${route}-${door.model}`

/** Address and body of a good call, for a model of any name. */
export function callOf({ door, streamed }: Column, model: string): Readonly<{ path: string; body: string }> {
  const body = door.body().replace(`"${door.model}"`, JSON.stringify(model))
  const whole = door.mount + door.path.replace(encodeURIComponent(door.model), encodeURIComponent(model))
  if (!streamed) return { path: whole, body }
  if (door.kind !== 'bedrock') return { path: whole, body: body.replace(/\}$/, ',"stream":true}') }
  return { path: streamPath(whole), body }
}

const streamPath = (path: string): string =>
  path.replace(/\/converse$/, '/converse-stream').replace(/\/invoke$/, '/invoke-with-response-stream')

/** Which column a request at a recorder is of, where many are under way. */
export function columnOf({ path, body }: Readonly<{ path: string; body: Buffer }>): Column {
  const found = COLUMNS.find(({ door, streamed }) =>
    door.kind === 'bedrock'
      ? path === (streamed ? streamPath(door.upstream) : door.upstream)
      : path === door.upstream && streamed === body.includes('"stream":true'),
  )
  if (found === undefined) throw new Error(`nobody asks for ${path}`)
  return found
}
