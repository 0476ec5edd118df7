import type { Script } from '../kit/index.ts'
import type { Heard, Sending } from './ask.ts'
import type { Door } from './doors.ts'
import type { Scene } from './scene.ts'
import type { Arrival } from './world.ts'

/** What must come of a row, besides that nothing forbidden is reached. */
export type Expected =
  /** 403, `call.denied` with this rule, nothing sent. */
  | Readonly<{ kind: 'denied'; rule: string }>
  /** It never becomes a call: one of these statuses, counted, nothing sent. */
  | Readonly<{ kind: 'refused'; status: readonly number[] }>
  /** It is served where it may be, and what was smuggled is not passed on. */
  | Readonly<{ kind: 'kept'; lacks?: readonly string[]; has?: readonly string[] }>
  /** It reached the permitted provider, failed there, and went nowhere else. */
  | Readonly<{ kind: 'failed'; record?: string; reached?: false }>

/** One way by which text could get past the border. */
export type Row = Readonly<{
  mechanism: string
  door: Door
  streamed: boolean
  way: string
  tenant: string
  /** The model asked for. */
  model: string
  sending: Sending
  /** What the world does meanwhile; its name tells rows apart. */
  plays?: Readonly<{ name: string; authority: string; answer: ((arrival: Arrival) => Script) | 'unreachable' }>
  /** Where the way is more than one call: what happens around it. */
  act?: (scene: Scene, row: Row) => Promise<Heard>
  expected: Expected
  /** Model of the same door that must be served right after, whatever the row did; default: the door's good one. */
  twin?: Readonly<{ tenant: string; model: string }>
}>

export type Way = Partial<Omit<Row, 'mechanism' | 'door' | 'streamed' | 'way'>> & Readonly<{ expected: Expected }>

/** A way at each of some doors, whole and streamed. `null` where a door has no such way. */
export function rows(
  mechanism: string,
  doors: readonly Door[],
  ways: Readonly<Record<string, (door: Door, streamed: boolean) => Way | null>>,
): readonly Row[] {
  return doors.flatMap((door) =>
    Object.entries(ways).flatMap(([way, make]) =>
      (door.streams ? [false, true] : [false]).flatMap((streamed) => {
        const made = make(door, streamed)
        return made === null
          ? []
          : [{ tenant: 'eea', model: door.good, sending: {}, ...made, mechanism, door, streamed, way }]
      }),
    ),
  )
}

export const idOf = ({ mechanism, door, streamed, way }: Row): string =>
  `${mechanism}: ${way}, ${door.title}, ${streamed ? 'streamed' : 'whole'}`

export const denied = (rule: string): Expected => ({ kind: 'denied', rule })
export const refused = (...status: number[]): Expected => ({ kind: 'refused', status })
export const kept = (...lacks: string[]): Expected => ({ kind: 'kept', lacks })
export const FAILED: Expected = { kind: 'failed' }
