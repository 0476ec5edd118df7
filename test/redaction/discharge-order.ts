import { createRedaction } from '../../plugins/redaction/index.ts'
import { NO_PROFILES } from '../../plugins/redaction/profiles.ts'
import type { Edit, Finding, ModelCall, Segment, Target } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Filter, LaneView, Plugin } from '../../src/core/plugin.ts'
import { applyEdits } from '../../src/pipeline/edits.ts'
import { FACTS } from '../kit/facts.ts'

export const TARGET: Target = {
  id: 'p/m',
  provider: 'p',
  model: 'm',
  kind: 'openai',
  dialects: ['openai.chat'],
  residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
  contract: [],
  tenants: null,
}

/** The plugin without detectors: what was found is given by the test, as the pipeline gives it. */
export function redaction(secret = 'a secret of 32 bytes or some more', profiles = NO_PROFILES): Plugin {
  const inspector = { inspect: async () => [], stop: async () => undefined }
  return createRedaction({ inspector, secret: Buffer.from(secret), profiles })
}

export type Asked = Readonly<{
  segments: readonly Segment[]
  findings: readonly Finding[]
  params: Readonly<Record<string, Json>>
  tenant?: string
  plugin?: Plugin
  call?: ModelCall
}>

export function callOf(segments: readonly Segment[], tenant = 't'): ModelCall {
  return { ...FACTS, principal: { ...FACTS.principal, tenant }, segments, unread: [], body: new Map() }
}

/** The answer of the plugin to one `redact` obligation. */
export async function discharge({ segments, findings, params, tenant, plugin, call }: Asked): Promise<Discharged> {
  const request = (plugin ?? redaction()).discharge?.redact?.request
  if (request === undefined) throw new Error('the plugin does not discharge redact')
  return await request({
    call: call ?? callOf(segments, tenant),
    target: TARGET,
    obligation: { type: 'redact', params },
    segments,
    findings,
    signal: new AbortController().signal,
  })
}

export type Made = Readonly<{
  texts: readonly string[]
  edits: readonly Edit[]
  filter: Filter | undefined
  done: Discharged
}>

/** What is sent of each segment. Throws where the obligation is not met. */
export async function redacted(asked: Asked): Promise<Made> {
  const done = await discharge(asked)
  if (!done.met) throw new Error(done.message)
  const edits = done.edits ?? []
  const texts = asked.segments.map(({ pointer, text }) =>
    applyEdits(
      text,
      edits.filter((edit) => edit.pointer === pointer),
    ),
  )
  return { texts, edits, filter: done.filter, done }
}

/** A text of an answer after the filter, read at once. */
export function restored(filter: Filter | undefined, text: string, lane: Partial<LaneView> = {}): string {
  const view: LaneView = {
    lane: '@choices/0/message/content',
    channel: 'text',
    role: 'assistant',
    text,
    released: 0,
    final: true,
    signed: false,
    json: false,
    tool: null,
    findings: [],
    ...lane,
  }
  const edits = [...(filter?.edit?.(view) ?? [])].sort((a, b) => a.start - b.start)
  return applyEdits(text, edits)
}

/** A segment of a chat's n-th message. */
export function said(index: number, text: string, more: Partial<Segment> = {}): Segment {
  return { pointer: `/messages/${index}/content`, role: 'user', channel: 'text', text, ...more }
}

/** Every place of a value in the segments, as a finding of a type. */
export function foundIn(segments: readonly Segment[], values: Readonly<Record<string, string>>): readonly Finding[] {
  const findings: Finding[] = []
  for (const { pointer, text } of segments) {
    const taken: [number, number][] = []
    const longest = Object.entries(values).sort(([a], [b]) => b.length - a.length)
    for (const [value, type] of longest) {
      for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length)) {
        const end = at + value.length
        if (taken.some(([from, to]) => at < to && end > from)) continue
        taken.push([at, end])
        findings.push({ type, pointer, start: at, end, score: 1 })
      }
    }
  }
  return findings
}
