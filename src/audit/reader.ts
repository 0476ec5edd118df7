import { isUtf8 } from 'node:buffer'
import { readdirSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Damage, damageAt, type Place } from './damage.ts'
import { readText } from './files.ts'
import {
  CHECKPOINT_FILE,
  type Commit,
  type Entry,
  firstOf,
  type Header,
  isSegmentName,
  MAX_LINE_BYTES,
  readLine,
  type Trailer,
} from './segment.ts'

/** A record of a group, with the place of its line. */
export type PlacedEntry = Readonly<{ entry: Entry; line: number; byte: number }>

/**
 * What a segment holds, in order. A `group` is one commit, whole: what follows the last commit line was never acknowledged, and comes
 * as `tail` (not an error: a writer may be at work). `damage` is the last piece if there is any; `from` is where its group began,
 * `index` how many records of the group came before it.
 */
export type Piece =
  | Readonly<{ type: 'header'; header: Header; place: Place; end: number }>
  | Readonly<{ type: 'group'; entries: readonly PlacedEntry[]; commit: Commit; place: Place; end: number }>
  | Readonly<{ type: 'trailer'; trailer: Trailer; place: Place; end: number }>
  | Readonly<{ type: 'tail'; entries: readonly PlacedEntry[]; from: number; end: number }>
  | Readonly<{ type: 'damage'; damage: Damage; from: number; index: number }>

const CHUNK = 1 << 20
const NEWLINE = 10

type RawLine = Readonly<{ bytes: Buffer; offset: number; whole: boolean }>

/** Lines of a file, cut at newlines; the last one may lack it. A line longer than any of ours ends the reading, not whole. */
async function* rawLines(file: FileHandle): AsyncGenerator<readonly RawLine[]> {
  let rest = Buffer.alloc(0)
  let offset = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const { bytesRead } = await file.read(chunk, 0, CHUNK, offset + rest.length)
    if (bytesRead === 0) break
    const bytes = rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    const lines: RawLine[] = []
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      lines.push({ bytes: bytes.subarray(start, end), offset: offset + start, whole: true })
      start = end + 1
    }
    yield lines
    rest = bytes.subarray(start)
    offset += start
    if (rest.length > MAX_LINE_BYTES) break
  }
  if (rest.length > 0) yield [{ bytes: rest, offset, whole: false }]
}

/** Reads a segment, piece by piece, one commit in memory at a time. Safe while a writer appends. */
export async function* readSegment(directory: string, segment: string): AsyncGenerator<Piece> {
  const file = await open(join(directory, segment), 'r')
  try {
    let number = 0
    let sealed = false
    let entries: PlacedEntry[] = []
    let from = 0
    let end = 0
    const damaged = (place: Place, kind: Damage['kind'], message: string, field: string | null = null): Piece => ({
      type: 'damage',
      from,
      index: entries.length,
      damage: damageAt(kind, place, message, field === null ? {} : { field }),
    })
    for await (const lines of rawLines(file)) {
      for (const raw of lines) {
        number++
        const place: Place = { segment, line: number, byte: raw.offset }
        end = raw.offset + raw.bytes.length + (raw.whole ? 1 : 0)
        if (sealed) return yield damaged(place, 'trailer', 'something follows the trailer')
        if (!raw.whole) {
          if (number === 1) return yield damaged(place, 'header', 'the header is cut off')
          if (raw.bytes.length > MAX_LINE_BYTES)
            return yield damaged(place, 'line', 'the line is longer than any of the format')
          break
        }
        const line = isUtf8(raw.bytes) ? readLine(raw.bytes.toString()) : null
        if (number === 1) {
          if (line?.type !== 'header') return yield damaged(place, 'header', 'the first line is no header')
          yield { type: 'header', header: line.header, place, end }
          from = end
        } else if (line === null) return yield damaged(place, 'line', 'the line is not UTF-8')
        else if (line.type === 'fault') return yield damaged(place, line.kind, line.message, line.field)
        else if (line.type === 'record') entries.push({ entry: line.entry, line: number, byte: raw.offset })
        else if (line.type === 'commit') {
          if (entries.length === 0) return yield damaged(place, 'line', 'a commit of nothing')
          yield { type: 'group', entries, commit: line.commit, place, end }
          entries = []
          from = end
        } else if (line.type === 'trailer') {
          if (entries.length > 0) return yield damaged(place, 'trailer', 'records before the trailer are not committed')
          yield { type: 'trailer', trailer: line.trailer, place, end }
          sealed = true
          from = end
        } else return yield damaged(place, 'header', 'a second header')
      }
    }
    if (number === 0) return yield damaged({ segment, line: 1, byte: 0 }, 'header', 'the segment is empty')
    if (end > from) yield { type: 'tail', entries, from, end }
  } finally {
    await file.close()
  }
}

/** Throws where it cannot be told: what may not be looked at is not absent. */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Names of the segments of a ledger's folder, in order. */
export function listSegments(directory: string): string[] {
  if (!isThere(directory)) return []
  return readdirSync(directory).filter(isSegmentName).sort()
}

/** The signed note of the newest checkpoint, or null. Read it before the segments: they only grow. */
export function readCheckpointNote(directory: string): string | null {
  const file = join(directory, CHECKPOINT_FILE)
  return isThere(file) ? readText(file) : null
}

/** All committed records from `from` on, in order. Throws at damage: a reader shows nothing that it could not read. */
export async function* readEntries(
  directory: string,
  options: { readonly from?: number; readonly onDamage: (damage: Damage) => never },
): AsyncGenerator<Entry> {
  const segments = listSegments(directory)
  const from = options.from ?? 0
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1]
    if (next !== undefined && firstOf(next) <= from) continue
    for await (const piece of readSegment(directory, segment)) {
      if (piece.type === 'damage') options.onDamage(piece.damage)
      if (piece.type === 'group') for (const { entry } of piece.entries) if (entry.leaf.seq >= from) yield entry
    }
  }
}
