import { NO_CUSTOM, readCustom } from '../../plugins/redaction/custom/index.ts'
import { createRedaction } from '../../plugins/redaction/index.ts'
import { createInspector, type Inspector } from '../../plugins/redaction/inspector.ts'
import type { Finding, Segment } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Filter, Plugin } from '../../src/core/plugin.ts'
import { applyEdits } from '../../src/pipeline/edits.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import { FACTS } from '../kit/facts.ts'
import { callOf, discharge, said, TARGET } from './discharge-order.ts'

/** What the checks of the mutants ask of the plugin: a call, and an answer, on their way through all of it. */

export const never = new AbortController().signal
export const SECRET = Buffer.alloc(32, 9)
export const ALL = { types: { '*': 'token' } }

export function inspectorOf(data?: Json): Inspector {
  return createInspector({
    custom: data === undefined ? NO_CUSTOM : readCustom(data),
    tagger: null,
    workers: 0,
    cacheBytes: 1 << 20,
    apartAbove: Number.MAX_SAFE_INTEGER,
    secret: SECRET,
  })
}

export function pluginOf(inspector: Inspector = inspectorOf(), secret: Uint8Array = SECRET): Plugin {
  return createRedaction({ inspector, secret })
}

export type Sent = Readonly<{
  texts: readonly string[]
  filter: Filter | undefined
  refused: string | null
  inspects: boolean
  call: ReturnType<typeof callOf>
}>

type Params = Readonly<Record<string, Json>>

/** What is sent of texts, each of which is a message, or a segment. */
export async function send(
  given: readonly (string | Segment)[],
  params: Params = ALL,
  {
    plugin = pluginOf(),
    tenant = 't',
    findings,
  }: { plugin?: Plugin; tenant?: string; findings?: readonly Finding[] } = {},
): Promise<Sent> {
  const segments = given.map((one, at) => (typeof one === 'string' ? said(at, one) : one))
  const call = callOf(segments, tenant)
  const found = findings ?? (await plugin.inspect?.('request', segments, never, call)) ?? []
  const done = await discharge({ segments, findings: found, params, plugin, call })
  if (!done.met) return { texts: [], filter: undefined, refused: done.message, inspects: false, call }
  const texts = segments.map(({ pointer, text }) =>
    applyEdits(
      text,
      (done.edits ?? []).filter((edit) => edit.pointer === pointer),
    ),
  )
  return { texts, filter: done.filter, refused: null, inspects: done.inspects === true, call }
}

export type Lane = Readonly<{ json?: true; tool?: string; channel?: 'text' | 'tool'; signed?: true; name?: string }>

/** What a client reads of an answer that comes in pieces, through the filters and, with `reads`, the inspector. */
export async function answered(
  pieces: readonly string[],
  filters: readonly (Filter | undefined)[],
  { reads, call = { ...FACTS }, lane = {} }: { reads?: Plugin; call?: typeof FACTS; lane?: Lane } = {},
): Promise<string> {
  const lanes = new Lanes()
  const real = filters.filter((one) => one !== undefined)
  const { name = 'l', channel = 'text', ...more } = lane
  let out = ''
  const look = async (final: boolean): Promise<void> => {
    if (reads !== undefined) lanes.found((await reads.inspect?.('response', lanes.segments(), never, call)) ?? [])
    lanes.settle(real, reads?.span ?? 0, final)
    for (const { event, texts } of lanes.release()) out += (texts ?? event.parts.map(({ text }) => text)).join('')
  }
  for (const text of pieces) {
    lanes.add({
      kind: 'delta',
      parts: [{ lane: name, pointer: '/l', role: 'assistant', channel, text, ...more }],
      frame: null,
    })
    await look(false)
  }
  await look(true)
  return out
}

/** The filter of the response phase. */
export async function answerFilter(plugin: Plugin, call: typeof FACTS, params: Params): Promise<Filter> {
  const obligation = { type: 'redact', params }
  const done = await plugin.discharge?.redact?.response?.({ call, target: TARGET, obligation })
  if (done?.met !== true) throw new Error('it is not met')
  return done.filter
}
