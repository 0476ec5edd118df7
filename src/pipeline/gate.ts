import type { ModelEvent } from '../core/call.ts'
import { baseReason, Denial } from './base.ts'
import { close, handOver, ledgerError, stop, tell } from './ending.ts'
import { look } from './look.ts'
import { begin, type Passage, type Progress, start } from './passage.ts'

/**
 * The only way back. An answer's events are read in bounded windows; each window is inspected, judged when that could change
 * anything, edited by the filters that obligations asked for, and released. From the first event that would tell the client "finished"
 * everything waits until the outcome is durable.
 */
export async function gate(passage: Passage): Promise<void> {
  const progress = start(passage)
  let rest: Uint8Array
  try {
    for await (const events of arriving(passage, progress)) {
      // What came in the same read as the finish, but before it, need not wait for the outcome.
      const free =
        passage.visit.call.stream && !progress.finished ? events.findIndex(({ kind }) => kind !== 'delta') : 0
      const open = free === -1 ? events : events.slice(0, free)
      take(passage, progress, open)
      if (open.length > 0) {
        await look(passage, progress, false)
        await release(passage, progress)
      }
      take(passage, progress, events.slice(open.length))
    }
    await look(passage, progress, true)
    rest = remaining(progress)
  } catch (error) {
    return stop(passage, progress, error)
  }
  await finish(passage, progress, rest)
}

/**
 * Events as the provider sends them, all at once for a whole answer. Once the answer itself has finished, a connection that does
 * not close properly takes nothing away from it: the decoder says whether everything was there.
 */
async function* arriving(passage: Passage, progress: Progress): AsyncGenerator<readonly ModelEvent[]> {
  const { visit, answer, generation } = passage
  const decoder = visit.codec.decode(visit.call, answer.status, answer.headers)
  if (!visit.call.stream || answer.status >= 400) {
    const body = await answer.body.whole(generation.limits.answerBytes)
    yield [...decoder.push(body), ...decoder.end()]
    return
  }
  try {
    for await (const chunk of answer.body) {
      const events = decoder.push(chunk)
      if (events.length > 0) yield events
    }
  } catch (error) {
    if (!progress.finished || visit.client.gone.aborted || visit.gateway.drained.aborted) throw error
  }
  const last = decoder.end()
  if (last.length > 0) yield last
}

function take({ visit, generation }: Passage, progress: Progress, events: readonly ModelEvent[]): void {
  progress.firstEventAt ??= performance.now()
  for (const event of events) {
    progress.lanes.add(event)
    if (event.usage !== undefined) progress.usage = { ...progress.usage, ...event.usage }
    if (event.kind === 'finish') progress.finish ??= event.reason
    if (event.kind === 'fault') progress.fault ??= event.code
    if (event.kind !== 'delta') progress.finished = true
  }
  if (visit.call.stream && progress.lanes.heldCharacters() > generation.limits.heldCharacters) {
    throw new Denial([baseReason('held-too-long', 'the answer is longer than may be held for inspection')], null)
  }
}

async function release(passage: Passage, progress: Progress): Promise<void> {
  const bytes = joined(progress.lanes.release().map(({ event, texts }) => progress.encoder.event(event, texts)))
  if (bytes.length === 0) return
  begin(passage, progress)
  progress.bytes += bytes.length
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
  progress.bytes += rest.length
  try {
    await close(
      passage,
      progress,
      client.gone.aborted ? 'client_gone' : progress.fault === null ? 'complete' : 'provider_error',
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
