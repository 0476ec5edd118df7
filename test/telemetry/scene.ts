import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { Exposition } from '../../src/telemetry/index.ts'
import {
  anthropicError,
  anthropicStream,
  converseStream,
  invokeStream,
  openaiError,
  openaiStream,
  type ReadRequest,
  type Recorder,
  type Script,
  type Speech,
  startRecorder,
  stream,
  whole,
} from '../kit/index.ts'
import { ALL_DOORS, addressOf, type Door } from '../wire/doors.ts'
import { type Post, startPost } from '../wire/post.ts'

/** What a call of these tests says to its provider, and so what the provider does. */
export type Turn = 'speak' | 'fail' | 'refuse' | 'elsewhere' | 'truncate' | 'linger'

export const SAID: Speech = { texts: ['Good day to you.'], usage: { input: 12, output: 34 } }

export type Scene = Readonly<{
  post: Post
  recorder: Recorder
  /** Answer's status and text; `gone` where the caller hung up. */
  call(door: Door, turn: Turn, options?: CallOptions): Promise<Readonly<{ status: number | 'gone'; text: string }>>
  metrics(): Promise<Metrics>
  stop(): Promise<void>
}>

export type CallOptions = Readonly<{
  stream?: boolean
  key?: string
  headers?: Readonly<Record<string, string>>
  /** In place of the door's own. */
  body?: string
  address?: string
}>

export type SceneOptions = Readonly<{
  config?: Readonly<Record<string, Json>>
  plugins?: readonly Plugin[]
  /** What the provider's own errors say. */
  complaint?: (request: ReadRequest) => string
}>

/** Every door, in front of a provider that does as it is told. What asks for `chat-model` may also go to Mistral. */
export async function openScene({
  config = {},
  plugins = [],
  complaint = () => 'no',
}: SceneOptions = {}): Promise<Scene> {
  const recorder = await startRecorder({ answer: (request) => answerTo(request, complaint(request)) })
  const routes = ALL_DOORS.map(({ model, provider, target }) => [
    model,
    {
      routes: [
        { provider, model: target },
        ...(model === 'chat-model' ? [{ provider: 'mistral', model: 'mistral-small-latest' }] : []),
      ],
    },
  ])
  const post = await startPost({
    upstream: recorder.url,
    plugins,
    config: { models: Object.fromEntries(routes), ...config },
  })
  return {
    post,
    recorder,
    call: (door, turn, options = {}) => callAt(post, door, turn, options),
    metrics: async () => parse(await (await fetch(`${post.customhouse.admin}/metrics`)).text()),
    stop: async () => {
      await post.stop()
      await recorder.close()
    },
  }
}

/** Whether a door has streams. */
export function streams({ path }: Door): boolean {
  return !path.endsWith('count_tokens')
}

async function callAt(
  post: Post,
  door: Door,
  turn: Turn,
  { stream: streamed = false, key = post.key, headers = {}, body, address }: CallOptions,
): ReturnType<Scene['call']> {
  const suffix = !streamed || door.kind !== 'bedrock' ? '' : door.path.endsWith('converse') ? '-stream' : INVOKE
  const flag = streamed && door.kind !== 'bedrock' ? ',"stream":true' : ''
  const text = body ?? door.body().replace('hello', `please ${turn}`).replace(/\}$/, `${flag}}`)
  const hangUp = new AbortController()
  try {
    const answer = await fetch(post.customhouse.data + (address ?? addressOf(door) + suffix), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...door.headers, ...headers },
      body: text,
      signal: hangUp.signal,
    })
    if (turn !== 'linger' || answer.status !== 200) return { status: answer.status, text: await answer.text() }
    for await (const _ of answer.body ?? []) hangUp.abort()
    return { status: 'gone', text: '' }
  } catch (error) {
    if (hangUp.signal.aborted) return { status: 'gone', text: '' }
    throw error
  }
}

const INVOKE = '-with-response-stream'

function answerTo(request: ReadRequest, complaint: string): Script {
  const text = request.body.toString()
  const door = ALL_DOORS.find(({ upstream }) => request.path === upstream || isStreamOf(request.path, upstream))
  if (door === undefined) throw new Error(`nothing is at ${request.path}`)
  const error = door.kind === 'anthropic' ? anthropicError(complaint, 'api_error') : openaiError(complaint, 'odd')
  if (text.includes('please fail'))
    return whole(door.kind === 'bedrock' ? { message: complaint } : error, { status: 500 })
  if (text.includes('please refuse'))
    return whole(door.kind === 'bedrock' ? { message: complaint } : error, { status: 400 })
  if (text.includes('please elsewhere') && door.kind === 'openai') return whole(error, { status: 503 })
  const streamed = request.path !== door.upstream || /"stream":true/.test(text)
  if (!streamed) {
    const answer = JSON.stringify(door.answer)
    return text.includes('please truncate')
      ? stream([answer.slice(0, -20)], { fields: { 'content-type': 'application/json' }, ending: 'reset' })
      : whole(answer)
  }
  const [type, pieces] = spoken(door)
  const fields = { 'content-type': type }
  if (text.includes('please truncate')) return stream(pieces.slice(0, 3), { fields, ending: 'reset' })
  if (text.includes('please linger')) return stream(pieces.slice(0, 5), { fields, ending: 'hold' })
  return stream(pieces, { fields })
}

function isStreamOf(path: string, upstream: string): boolean {
  return path === `${upstream}-stream` || path === upstream + INVOKE
}

function spoken(door: Door): readonly [type: string, pieces: readonly (string | Uint8Array)[]] {
  if (door.dialect === 'bedrock.converse') return ['application/vnd.amazon.eventstream', converseStream(SAID)]
  if (door.dialect === 'bedrock.invoke') return ['application/vnd.amazon.eventstream', invokeStream(SAID)]
  if (door.dialect === 'anthropic.messages') return ['text/event-stream', anthropicStream(SAID)]
  return ['text/event-stream', openaiStream(SAID, { includeUsage: true })]
}

/** What Prometheus would read of it. */
export async function textOf({ bytes }: Exposition): Promise<string> {
  return Buffer.from(await bytes()).toString()
}

/** Samples of an exposition. */
export type Metrics = Readonly<{
  text: string
  /** Sum of all samples of a name whose labels are these. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
  /** Series by family's name, `_bucket` and the like included. */
  series: ReadonlyMap<string, readonly Readonly<Record<string, string>>[]>
}>

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/

export function parse(text: string): Metrics {
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
      if (name === '') throw new Error(`no sample: ${line}`)
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((match) => [match[1] ?? '', match[2] ?? ''])
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }
    })
  const series = new Map<string, Record<string, string>[]>()
  for (const { name, labels } of samples) series.set(name, [...(series.get(name) ?? []), labels])
  return {
    text,
    sum: (name, labels = {}) =>
      samples
        .filter(
          (sample) => sample.name === name && Object.entries(labels).every(([key, to]) => sample.labels[key] === to),
        )
        .reduce((sum, { value }) => sum + value, 0),
    series,
  }
}
