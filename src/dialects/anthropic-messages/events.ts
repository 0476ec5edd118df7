import type { Evidence, ModelCall, ModelEvent, Part, Usage } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { asksFor, malformed, spokenAsJson, truncated, withParts, word } from '../answer.ts'
import type { Frame } from './frame.ts'
import {
  deltaParts,
  faultParts,
  noteLanes,
  type Open,
  openBlock,
  type Run,
  runLane,
  runsOf,
  startParts,
  treeParts,
} from './parts.ts'

import { readMetrics, readPlace, readUsage } from './usage.ts'

/** Reads the events of one streamed message, whatever carried them. */
export interface MessageReader {
  /** Undefined for what comes after a fault. Must throw ERR_PROVIDER_MALFORMED for an event that may not stand where it does. */
  read(tree: TreeObject): ModelEvent | undefined
  /** Must throw ERR_PROVIDER_TRUNCATED unless the message has stopped, or the provider has failed. */
  end(): void
}

/**
 * `message_start`, then blocks (`content_block_start`, deltas, `content_block_stop`), `message_delta`, `message_stop`; `ping` anywhere before the
 * end. SDKs append blocks in the order in which they start and find them by `index`, so a block's index must be its place: else text would be
 * joined that was inspected in two lanes. The first event with a `stop_reason` tells the client that the answer is finished.
 * `json`: text is JSON, since the call asked for it.
 */
export function messageReader(json: boolean): MessageReader {
  const open = new Map<number, Open>()
  let number = 0
  /** Blocks so far; null before message_start. */
  let count: number | null = null
  /** The run of text blocks that the next block may join. */
  let run: Run | null = null
  let finished = false
  let stopped = false
  let fault = false

  function start(tree: TreeObject, event: number): ModelEvent {
    if (count !== null) throw malformed('message_start twice')
    const message = tree.get('message')
    if (!(message instanceof Map)) throw malformed('message_start without a message')
    const content = contentOf(message)
    count = content.length
    const first = runsOf(content).at(-1) ?? -1
    if (first !== -1) run = { first, last: count - 1 }
    return spoken(tree, stopReason(message), message.get('usage'), () => treeParts(tree, event, first))
  }

  function blockStart(tree: TreeObject, event: number): ModelEvent {
    const index = blockIndex(tree)
    const block = tree.get('content_block')
    const type = block instanceof Map ? block.get('type') : undefined
    if (!(block instanceof Map) || typeof type !== 'string') throw malformed('content_block_start without a block')
    if (index !== count) throw malformed('a content block whose index is not its place')
    count++
    const joined = type === 'text' ? run : null
    const ended = joined === null ? endRun() : []
    const own = joined ?? { first: index, last: index }
    own.last = index
    if (type === 'text') run = own
    const begun = openBlock(index, own, type, block)
    open.set(index, begun)
    const frame: Frame = { form: 'event', tree }
    const closes = ended.length === 0 ? {} : { closes: ended }
    return withParts(
      { kind: 'delta', ...closes, frame },
      spokenIn(json, () => startParts(tree, event, begun)),
    )
  }

  /** The lane that ends because no block will join it any more. While its last block is open it goes on, and ends with that. */
  function endRun(): string[] {
    if (run === null) return []
    const lane = runLane(run.first)
    const last = open.get(run.last)
    run = null
    if (last === undefined) return [lane]
    last.lanes.add(lane)
    return []
  }

  function blockDelta(tree: TreeObject, event: number): ModelEvent {
    const block = opened(tree)
    const delta = tree.get('delta')
    if (!(delta instanceof Map)) throw malformed('content_block_delta without a delta')
    // Its text would be joined in another order than that in which it came, and was inspected.
    if (block.run.last !== block.index) throw malformed('a text block that goes on after the next one has begun')
    noteLanes(block, delta)
    return spoken(tree, null, undefined, () => deltaParts(tree, event, block))
  }

  function blockStop(tree: TreeObject, event: number): ModelEvent {
    const block = opened(tree)
    open.delete(block.index)
    const frame: Frame = { form: 'event', tree }
    return withParts({ kind: 'delta', closes: [...block.lanes], frame }, () => treeParts(tree, event))
  }

  function opened(tree: TreeObject): Open {
    const block = open.get(blockIndex(tree))
    if (block === undefined) throw malformed('an event of a content block that is not open')
    return block
  }

  function messageDelta(tree: TreeObject, event: number): ModelEvent {
    const delta = tree.get('delta')
    if (!(delta instanceof Map)) throw malformed('message_delta without a delta')
    const reason = stopReason(delta)
    return spoken(tree, reason, tree.get('usage'), () => treeParts(tree, event))
  }

  function messageStop(tree: TreeObject, event: number): ModelEvent {
    stopped = true
    const usage = readMetrics(tree.get('amazon-bedrock-invocationMetrics'))
    // Without a stop_reason before it, this is what tells the client that the answer is finished.
    return spokenWith(tree, finished ? null : 'unknown', usage, undefined, () => treeParts(tree, event))
  }

  function spoken(
    tree: TreeObject,
    reason: string | null,
    usage: JsonTree | undefined,
    parts: () => ReturnType<typeof treeParts>,
  ): ModelEvent {
    return spokenWith(tree, reason, readUsage(usage), readPlace(usage), parts)
  }

  function spokenWith(
    tree: TreeObject,
    reason: string | null,
    usage: Usage | undefined,
    evidence: readonly Evidence[] | undefined,
    parts: () => ReturnType<typeof treeParts>,
  ): ModelEvent {
    const frame: Frame = { form: 'event', tree }
    const more = { ...(usage === undefined ? {} : { usage }), ...(evidence === undefined ? {} : { evidence }), frame }
    const said = spokenIn(json, parts)
    if (reason === null) return withParts({ kind: 'delta', ...more }, said)
    finished = true
    // A tool's input that max_tokens broke off has no content_block_stop (recorded); nothing may follow in it.
    const closes = [...endRun(), ...[...open.values()].flatMap(({ lanes }) => [...lanes])]
    open.clear()
    return withParts({ kind: 'finish', reason, ...(closes.length === 0 ? {} : { closes }), ...more }, said)
  }

  return {
    read(tree) {
      if (fault) return undefined
      if (stopped) throw malformed('an event after message_stop')
      const event = number++
      const type = tree.get('type')
      if (isFault(tree)) {
        fault = true
        return readFault(tree, 'event', event)
      }
      if (type === 'ping') return spoken(tree, null, undefined, () => treeParts(tree, event))
      if (type === 'message_start') return start(tree, event)
      if (count === null) throw malformed('an event before message_start')
      if (type === 'message_delta') return messageDelta(tree, event)
      if (type === 'message_stop') return messageStop(tree, event)
      if (type !== 'content_block_start' && type !== 'content_block_delta' && type !== 'content_block_stop') {
        throw malformed('an event of an unknown type')
      }
      if (finished) throw malformed('an event of a content block after the stop_reason')
      if (type === 'content_block_start') return blockStart(tree, event)
      return type === 'content_block_delta' ? blockDelta(tree, event) : blockStop(tree, event)
    },
    end() {
      if (fault || stopped) return
      throw truncated(count === null ? 'before message_start' : 'before message_stop')
    },
  }
}

/** Whether a call asked for JSON: `output_config.format`, or `output_format` as it was in its beta. */
export function asksJson({ body }: ModelCall): boolean {
  return asksFor(body, ['output_config', 'format']) || asksFor(body, ['output_format'])
}

/** Where the words of the assistant stand in an event and in a whole answer. */
const SPOKEN = /^\/(?:delta|content_block|(?:message\/)?content\/[0-9]+)\/text$/

function spokenIn(json: boolean, read: () => readonly Part[]): () => readonly Part[] {
  return json ? () => spokenAsJson(read(), SPOKEN) : read
}

/** A whole answer as one event. */
export function readWhole(tree: TreeObject, json: boolean): ModelEvent {
  if (isFault(tree)) return readFault(tree, 'whole', 0)
  if (tree.get('type') !== 'message') throw malformed('an answer that is no message')
  contentOf(tree)
  const usage = readUsage(tree.get('usage'))
  const evidence = readPlace(tree.get('usage'))
  const frame: Frame = { form: 'whole', tree }
  const reason = stopReason(tree) ?? 'unknown'
  const more = { ...(usage === undefined ? {} : { usage }), ...(evidence === undefined ? {} : { evidence }), frame }
  const finish = { kind: 'finish', reason, ...more } as const
  return withParts(
    finish,
    spokenIn(json, () => treeParts(tree, 0)),
  )
}

/** A provider's error, in a stream or instead of an answer. */
export function readFault(tree: TreeObject, form: Frame['form'], event: number): ModelEvent {
  const error = tree.get('error')
  const type = error instanceof Map ? error.get('type') : undefined
  const code = typeof type === 'string' ? word(type) : 'unknown'
  return withParts({ kind: 'fault', code, frame: { form, tree } }, () => faultParts(tree, event))
}

/** By its type, or by an `error` member that is truthy: whoever looks at either sees an error. */
export function isFault(tree: TreeObject): boolean {
  return tree.get('type') === 'error' || Boolean(tree.get('error'))
}

function contentOf(message: TreeObject): readonly JsonTree[] {
  const content = message.get('content')
  if (!Array.isArray(content)) throw malformed('a message without content')
  return content
}

function stopReason(holder: TreeObject): string | null {
  const reason = holder.get('stop_reason')
  if (reason === undefined || reason === null) return null
  if (typeof reason !== 'string' || reason === '') throw malformed('a stop_reason that is no word')
  return word(reason)
}

function blockIndex(tree: TreeObject): number {
  const index = tree.get('index')
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw malformed('an event of a content block without an index')
  }
  return index
}
