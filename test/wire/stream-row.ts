import { addressOf, type Door } from './doors.ts'
import { block, type Fields, FLAG, frame, TYPE } from './frames.ts'
import { CANARY, STRAYS } from './message.ts'

/**
 * A row of the table for HTTP/2: frames after the greeting, the call being stream 1. `told` is its statuses, or `reset`, or nothing; then
 * whether the connection is `open` (another call on it is answered) or `closed` (it is not, or GOAWAY came).
 */
export type StreamRow = readonly [
  name: string,
  told: string,
  reached: number | 'perhaps',
  frames: (door: Door, key: string) => Uint8Array,
]

export const PSEUDO = (door: Door): Fields => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':authority', '127.0.0.1'],
  [':path', addressOf(door)],
]

export function regular(door: Door, key: string): Fields {
  const strays = STRAYS.map(([name, value]) => [name, value] as const)
  return [
    ['authorization', `Bearer ${key}`],
    ['content-type', 'application/json'],
    ...Object.entries(door.headers),
    ...strays,
  ]
}

/** A good call of a door; `fields` are its header fields as they are to stand. */
export function good(
  door: Door,
  key: string,
  stream = 1,
  fields: Fields = [...PSEUDO(door), ...regular(door, key)],
): Buffer {
  return Buffer.concat([
    frame(TYPE.headers, FLAG.endHeaders, stream, block(fields)),
    frame(TYPE.data, FLAG.endStream, stream, Buffer.from(door.body())),
  ])
}

export const more =
  (...fields: (readonly [string, string])[]) =>
  (door: Door, key: string) =>
    good(door, key, 1, [...PSEUDO(door), ...regular(door, key), ...fields])
export const pseudo = (of: (fields: Fields, door: Door) => Fields) => (door: Door, key: string) =>
  good(door, key, 1, [...of(PSEUDO(door), door), ...regular(door, key)])
export const instead = (name: string, value: string | ((door: Door) => string)) =>
  pseudo((fields, door) =>
    fields.map((field) => (field[0] === name ? [name, typeof value === 'string' ? value : value(door)] : field)),
  )
export const without = (name: string) => pseudo((fields) => fields.filter((field) => field[0] !== name))
export const replaced = (name: string, value: string) => (door: Door, key: string) =>
  good(door, key, 1, [
    ...PSEUDO(door),
    ...regular(door, key).map((field) => (field[0] === name ? ([name, value] as const) : field)),
  ])
/** A field whose value cannot stand on the wire of HTTP/1.1. */
export const broken = (name: string) => replaced(name, `${CANARY}\r\nx-a: b`)
export const head = (door: Door, key: string, flags: number, ...fields: (readonly [string, string])[]) =>
  frame(TYPE.headers, flags, 1, block([...PSEUDO(door), ...regular(door, key), ...fields]))
export const before = (bytes: () => Uint8Array) => (door: Door, key: string) =>
  Buffer.concat([bytes(), good(door, key)])
export const many = (count: number, one: (index: number) => Uint8Array) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => one(index)))
export const body = (door: Door, flags: number = FLAG.endStream) => frame(TYPE.data, flags, 1, Buffer.from(door.body()))

/** A call whose header block goes in frames of 16 KB. */
export function inParts(door: Door, key: string, fields: Fields, size = 16_000): Buffer {
  const whole = block([...PSEUDO(door), ...regular(door, key), ...fields])
  const frames: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const end = at + size >= whole.length ? FLAG.endHeaders : 0
    frames.push(frame(at === 0 ? TYPE.headers : TYPE.continuation, end, 1, whole.subarray(at, at + size)))
  }
  return Buffer.concat([...frames, body(door)])
}
