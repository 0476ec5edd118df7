import { randomBytes } from 'node:crypto'
import { NO_CUSTOM } from '../../plugins/redaction/custom/index.ts'
import { createRedaction } from '../../plugins/redaction/index.ts'
import { createInspector } from '../../plugins/redaction/inspector.ts'
import type { ModelEvent } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Filter } from '../../src/core/plugin.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import { FACTS } from '../kit/facts.ts'
import { TARGET } from './discharge-order.ts'
import type { Form, Pieces, Said } from './restore-speech.ts'

/** An answer on its way through the real inspector, the real filter over what it finds, and the real lanes, in the order in which the gate asks them. */

const inspector = createInspector({
  custom: NO_CUSTOM,
  tagger: null,
  workers: 0,
  cacheBytes: 0,
  apartAbove: Number.POSITIVE_INFINITY,
  secret: randomBytes(32),
})
export const plugin = createRedaction({ inspector, secret: randomBytes(32) })

const never = new AbortController().signal

async function filterOf(call: typeof FACTS, params: Readonly<Record<string, Json>>): Promise<Filter> {
  const done = await plugin.discharge?.redact?.response?.({
    call,
    target: TARGET,
    obligation: { type: 'redact', params },
  })
  if (done?.met !== true) throw new Error('it is not met')
  return done.filter
}

export type Gone = Readonly<{
  /** What the client has read after each window. */
  windows: readonly Said[]
  last: Said
  /** Units of text that had come and were not read yet, at most, until the answer ended. */
  held: number
}>

/** `reads`: in how many reads of the socket the bytes come. */
export type How = Readonly<{ pieces: Pieces; reads: number }>

export async function answer(
  form: Form,
  said: Said,
  params: Readonly<Record<string, Json>>,
  { pieces, reads }: How,
  further: readonly Filter[] = [],
): Promise<Gone> {
  const { codec, call, headers } = form
  const facts = { ...FACTS }
  const filters = [await filterOf(facts, params), ...further]
  const decoder = codec.decode(call, 200, headers)
  const encoder = codec.encode(call)
  const client = codec.decode(call, 200, headers)
  const lanes = new Lanes()
  const read = { text: '', arguments: '', leaves: new Map<string, string>() }
  const windows: Said[] = []
  let held = 0
  let came = 0
  const hear = (events: readonly ModelEvent[]): void => {
    for (const { parts } of events)
      for (const part of parts) {
        if (part.channel === 'text') read.text += part.text
        if (part.tool === undefined) continue
        if (part.json === true) read.arguments += part.text
        else if (part.argument !== undefined) read.leaves.set(part.argument, part.text)
      }
  }
  const look = async (events: readonly ModelEvent[], final: boolean): Promise<void> => {
    for (const event of events) {
      lanes.add(event)
      for (const { channel, text } of event.parts) if (channel === 'text') came += text.length
    }
    lanes.found((await plugin.inspect?.('response', lanes.segments(), never, facts)) ?? [])
    lanes.settle(filters, plugin.span ?? 0, final)
    for (const { event, texts } of lanes.release()) hear(client.push(encoder.event(event, texts)))
    if (final) {
      hear(client.push(encoder.end()))
      hear(client.end())
    } else held = Math.max(held, came - read.text.length)
    const leaves = read.leaves.size > 0 ? JSON.stringify(Object.fromEntries(read.leaves)) : read.arguments
    windows.push({ text: read.text, ...(leaves === '' ? {} : { tool: { name: 'send', arguments: leaves } }) })
  }
  const bytes = form.bytes(said, pieces)
  const every = Math.ceil(bytes.length / reads)
  for (let at = 0; at < bytes.length; at += every) await look(decoder.push(bytes.subarray(at, at + every)), false)
  await look(decoder.end(), true)
  return { windows, last: windows.at(-1) ?? { text: '' }, held }
}
