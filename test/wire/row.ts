import { addressOf, type Door } from './doors.ts'
import { type Bytes, chunks, framed, hex, message, type Parts } from './message.ts'

/**
 * A row of the table: what is written, what is answered, and how many calls that reached the upstream. `told` is the statuses of all
 * answers in their order, then whether the connection is `open` (another call on it is answered as it should be) or `closed`.
 */
export type Row = readonly [
  name: string,
  told: string | ((door: Door) => string),
  reached: number | 'perhaps',
  bytes: (door: Door, key: string) => Bytes,
]

export const sending =
  (parts: Parts | ((door: Door, key: string) => Parts)) =>
  (door: Door, key: string): Bytes =>
    message(door, key, typeof parts === 'function' ? parts(door, key) : parts)
export const lines = (...more: string[]) => sending({ lines: more })
export const size = (of: (length: number) => string) => (door: Door, key: string) =>
  framed(door, key, chunks(door.body(), of))
export const coding = (value: string) => (door: Door, key: string) =>
  framed(door, key, chunks(door.body()), { headers: { 'transfer-encoding': value } })
export const trailer =
  (...more: string[]) =>
  (door: Door, key: string) =>
    framed(door, key, chunks(door.body(), hex, more))
export const length = (of: (length: number) => string) =>
  sending((door) => ({ headers: { 'content-length': of(Buffer.byteLength(door.body())) } }))
export const swap = (from: string, to: string) => (door: Door, key: string) =>
  Buffer.from(message(door, key).toString('latin1').replace(from, to), 'latin1')

export const path = (of: (address: string, door: Door) => string) =>
  sending((door) => ({ path: of(addressOf(door), door) }))
