import { type Ending, type Script, split, stream, whole } from '../kit/index.ts'
import { EVENT_STREAM, type Event, type Frame, type Spoken } from './corpus.ts'
import { damaged, mutated, planted, type Text, written } from './mutate.ts'
import type { Random } from './random.ts'

/** An answer as it was recorded, or changed: texts, the order of events, bytes, ends. `canary` names a text to look for in it. */
export function speech(spoken: Spoken, random: Random, changed: boolean, canary: string): Script {
  if (!changed) return script(spoken, bytesOf(spoken), 'done')
  const altered = alteredOf(spoken, random, canary)
  const bytes = bytesOf(altered)
  const wire = random.chance(0.15) ? [damaged(Buffer.concat(bytes), random)] : bytes
  const ending = random.chance(0.06) ? random.pick<Ending>(['fin', 'reset']) : 'done'
  const pieces = random.chance(0.2) ? split(Buffer.concat(wire), 1 + random.below(40)).slice(0, 400) : wire
  return script(altered, pieces, ending)
}

const TYPES = { whole: 'application/json', events: 'text/event-stream', frames: 'application/vnd.amazon.eventstream' }

function script({ form }: Spoken, pieces: readonly Uint8Array[], ending: 'done' | Ending): Script {
  if (form === 'whole' && ending === 'done') return whole(Buffer.concat(pieces))
  return stream(pieces, { fields: { 'content-type': TYPES[form] }, ending })
}

function alteredOf(spoken: Spoken, random: Random, canary: string): Spoken {
  const text = (old: Text): Text => (random.chance(0.3) ? planted(old, random, canary) : mutated(old, random, canary))
  if (spoken.form === 'whole') return { form: 'whole', text: text(spoken.text) }
  if (spoken.form === 'events') {
    const event = (old: Event): Event => ({ name: random.chance(0.95) ? old.name : 'ping', data: text(old.data) })
    return { form: 'events', events: reordered(spoken.events, event, random) }
  }
  const frame = (old: Frame): Frame => ({ ...old, payload: text(old.payload) })
  return { form: 'frames', frames: reordered(spoken.frames, frame, random) }
}

/** One piece changed; now and then one lost, doubled, or in another place. */
function reordered<T>(pieces: readonly T[], change: (old: T) => T, random: Random): readonly T[] {
  const at = random.below(pieces.length || 1)
  const piece = pieces[at]
  if (piece === undefined) return pieces
  const turn = random.below(10)
  if (turn === 0) return pieces.toSpliced(at, 1)
  if (turn === 1) return pieces.toSpliced(at, 0, change(piece))
  if (turn === 2) return pieces.toSpliced(at, 1).toSpliced(random.below(pieces.length), 0, piece)
  return pieces.with(at, change(piece))
}

function bytesOf(spoken: Spoken): Buffer[] {
  if (spoken.form === 'whole') return [Buffer.from(written(spoken.text))]
  if (spoken.form === 'events')
    return spoken.events.map(({ name, data }) =>
      Buffer.from(`${name === null ? '' : `event: ${name}\n`}data: ${written(data)}\n\n`),
    )
  return spoken.frames.map(({ type, kind, payload, wrapped }) => {
    const text = written(payload)
    const string = (value: string) => ({ type: 'string' as const, value })
    const body = wrapped ? `{"bytes":"${Buffer.from(text).toString('base64')}"}` : text
    return Buffer.from(
      EVENT_STREAM.encode({
        headers: {
          [`:${kind}-type`]: string(type),
          ':content-type': string('application/json'),
          ':message-type': string(kind),
        },
        body: Buffer.from(body),
      }),
    )
  })
}
