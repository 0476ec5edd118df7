import type { ModelEvent } from '../core/call.ts'
import { isCustomhouseError } from '../core/errors.ts'
import { baseReason, Denial } from './base.ts'
import { close, handOver, ledgerError, stop, tell } from './ending.ts'
import { hear, hearHeaders } from './hearing.ts'
import { HeldBytes } from './held.ts'
import { look } from './look.ts'
import { begin, type Passage, type Progress, start } from './passage.ts'
import { count, isDue, recordProgress } from './progress.ts'

/**
 * The only way back. An answer's events are read in bounded windows; each window is inspected, judged when that could change
 * anything, edited by the filters that obligations asked for, and released. From the first event that would tell the client "finished"
 * everything waits until the outcome is durable.
 */
export async function gate(passage: Passage): Promise<void> {
  const progress = start(passage)
  let rest: Uint8Array
  try {
    hearHeaders(passage, progress.whereabouts)
    if (passage.visit.call.stream && passage.answer.status < 400) await readStream(passage, progress)
    else await readWhole(passage, progress)
    await look(passage, progress, true)
    rest = remaining(progress)
  } catch (error) {
    return stop(passage, progress, error)
  }
  await finish(passage, progress, rest)
}

/** A whole answer, or a whole error, is a short stream that arrives at once. */
async function readWhole(passage: Passage, progress: Progress): Promise<void> {
  const { visit, answer, generation } = passage
  const decoder = visit.codec.decode(visit.call, answer.status, answer.headers)
  const body = await answer.body.whole(generation.limits.answerBytes)
  take(passage, progress, decoder.push(body))
  take(passage, progress, decoder.end())
}

/**
 * Events as the provider sends them, released as far as they may be. Once the answer itself has finished, a connection that does not
 * close properly takes nothing away from it: the decoder says whether everything was there.
 */
async function readStream(passage: Passage, progress: Progress): Promise<void> {
  const { visit, answer, generation } = passage
  const decoder = visit.codec.decode(visit.call, answer.status, answer.headers)
  const held = new HeldBytes()
  try {
    for await (const chunk of answer.body) {
      const events = decoder.push(chunk)
      await pass(passage, progress, events)
      held.came(chunk.length, events.length)
      if (held.of(progress.lanes.holding) > generation.limits.answerBytes) throw tooLong()
    }
  } catch (error) {
    const broken = isCustomhouseError(error) && error.code.startsWith('ERR_PROVIDER_')
    if (!progress.finished || !broken || visit.client.gone.aborted || visit.gateway.drained.aborted) throw error
  }
  take(passage, progress, decoder.end())
}

/** What came in the same read as the finish, but before it, need not wait for the outcome. What it says of its place holds for all that was read with it. */
async function pass(passage: Passage, progress: Progress, events: readonly ModelEvent[]): Promise<void> {
  for (const { evidence } of events) if (evidence !== undefined) hear(passage, progress.whereabouts, evidence)
  const finish = progress.finished ? 0 : events.findIndex(({ kind }) => kind !== 'delta')
  const open = finish === -1 ? events : events.slice(0, finish)
  if (open.length > 0) {
    take(passage, progress, open)
    await look(passage, progress, false)
    await release(passage, progress)
  }
  take(passage, progress, events.slice(open.length))
}

function take(passage: Passage, progress: Progress, events: readonly ModelEvent[]): void {
  if (events.length === 0) return
  const { visit, generation } = passage
  progress.firstEventAt ??= performance.now()
  for (const event of events) {
    progress.lanes.add(event)
    if (event.usage !== undefined) progress.usage = { ...progress.usage, ...event.usage }
    if (event.evidence !== undefined) hear(passage, progress.whereabouts, event.evidence)
    if (event.kind === 'finish') progress.finish ??= event.reason
    if (event.kind === 'fault') progress.fault ??= event.code
    if (event.kind !== 'delta') progress.finished = true
  }
  if (visit.call.stream && progress.lanes.heldCharacters() > generation.limits.heldCharacters) {
    throw tooLong()
  }
}

function tooLong(): Denial {
  return new Denial([baseReason('held-too-long', 'the answer is longer than may be held for inspection')], null)
}

async function release(passage: Passage, progress: Progress): Promise<void> {
  const released = progress.lanes.release()
  const bytes = joined(released.map(({ event, texts }) => progress.encoder.event(event, texts)))
  progress.events += released.length
  if (bytes.length === 0) return
  if (isDue(passage, progress, bytes)) await recordProgress(passage, progress, bytes)
  begin(passage, progress)
  count(progress, bytes)
  await passage.visit.client.write(bytes)
}

/** What is left to hand over when everything was read and judged. An error of the provider's is its own end. */
function remaining({ lanes, encoder, fault }: Progress): Uint8Array {
  const pieces = lanes.release().map(({ event, texts }) => encoder.event(event, texts))
  if (fault === null) pieces.push(encoder.end())
  return joined(pieces)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const full = pieces.filter((piece) => piece.length > 0)
  return full.length === 1 && full[0] !== undefined ? full[0] : Buffer.concat(full)
}

/** The answer was read and judged to its end: settled, recorded, and only then handed over. */
async function finish(passage: Passage, progress: Progress, rest: Uint8Array): Promise<void> {
  const { client } = passage.visit
  const released = progress.bytes
  // Decided once: to whoever left before this, the rest is not sent, and so not counted.
  const gone = client.gone.aborted
  if (!gone) {
    progress.bytes += rest.length
    if (progress.recordedBytes > 0) progress.hash?.update(rest)
  }
  try {
    await close(
      passage,
      progress,
      gone ? 'client_gone' : progress.fault === null ? 'complete' : 'provider_error',
      passage.answer.status,
      [],
    )
  } catch (error) {
    progress.bytes = released
    return handOver(passage, () => tell(passage, progress, ledgerError(error)))
  }
  if (client.gone.aborted) return client.destroy()
  handOver(passage, () => {
    begin(passage, progress)
    client.end(rest)
  })
}
