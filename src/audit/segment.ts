import { canonical } from '../core/canonical.ts'
import type { Json } from '../core/json.ts'
import type { Leaf } from '../core/record.ts'
import type { DamageKind } from './damage.ts'
import { type Sealed, sealedDigest } from './disclosure.ts'
import { isLeafFault, readLeaf } from './leaf.ts'
import { type Hash, leafHash } from './tree.ts'

/** Version of the segment format. */
export const SEGMENT_VERSION = 1
export const LEDGER_FOLDER = 'ledger'
export const CHECKPOINT_FILE = 'checkpoint'
/** Longest line that a reader accepts, bytes: a leaf and a sealed part at their largest, and a snapshot of neither. */
export const MAX_LINE_BYTES = 262_144
const NAME = /^\d{20}\.seg$/

/** First line of a segment: what it follows. `root` is the tree's before its first record. */
export type Header = Readonly<{ epoch: number; first: number; log: string; root: Hash; v: typeof SEGMENT_VERSION }>
/** Last line of each commit: its first record, and the tree after it. */
export type Commit = Readonly<{ from: number; root: Hash; size: number }>
/** Last line of a sealed segment: the tree after it, and the signed checkpoint of it. */
export type Trailer = Readonly<{ note: string; root: Hash; size: number }>
/** A record line, checked by itself: its bytes, hash and shape; not yet its place in the log. */
export type Entry = Readonly<{ leaf: Leaf; text: string; hash: Hash; sealed: Sealed | null }>

export type Line =
  | Readonly<{ type: 'record'; entry: Entry }>
  | Readonly<{ type: 'commit'; commit: Commit }>
  | Readonly<{ type: 'trailer'; trailer: Trailer }>
  | Readonly<{ type: 'header'; header: Header }>
  | LineFault
export type LineFault = Readonly<{ type: 'fault'; kind: DamageKind; field: string | null; message: string }>

/** A segment is named by its first sequence number, so that names sort as records do. */
export function segmentName(first: number): string {
  return `${String(first).padStart(20, '0')}.seg`
}

export function isSegmentName(name: string): boolean {
  return NAME.test(name)
}

export function firstOf(name: string): number {
  return Number(name.slice(0, 20))
}

export function headerLine(header: Header): string {
  return `{"h":${canonical(header)}}\n`
}

/** `sealed` is the text of the sealed part. */
export function recordLine(hash: Hash, leaf: string, sealed: string | null): string {
  return sealed === null ? `{"l":"${hash}","e":${leaf}}\n` : `{"l":"${hash}","e":${leaf},"d":${sealed}}\n`
}

export function commitLine(commit: Commit): string {
  return `{"c":{"from":${commit.from},"root":"${commit.root}","size":${commit.size}}}\n`
}

export function trailerLine(trailer: Trailer): string {
  return `{"t":${canonical(trailer)}}\n`
}

const RECORD = /^\{"l":"([A-Za-z0-9_-]{43})","e":/
const SEALED = /^,"d":\{"k":"([A-Za-z0-9_.!~*'()%-]{1,200})","x":"([A-Za-z0-9_-]+)"\}\}$/
const COMMIT = /^\{"c":\{"from":(0|[1-9]\d{0,15}),"root":"([A-Za-z0-9_-]{43})","size":([1-9]\d{0,15})\}\}$/
/** How every leaf ends: `v` sorts last. */
const LEAF_END = '"v":1}'
const LEAF_START = 55
/** Length of `,"d":`. */
const SEALED_START = 5

function fault(kind: DamageKind, message: string, field: string | null = null): LineFault {
  return { type: 'fault', kind, field, message }
}

/** Reads one line, without its newline. */
export function readLine(line: string): Line {
  if (line.startsWith('{"l":')) return readRecord(line)
  if (line.startsWith('{"c":')) {
    const match = COMMIT.exec(line)
    return match === null
      ? fault('line', 'the commit line is malformed')
      : { type: 'commit', commit: { from: Number(match[1]), root: match[2] ?? '', size: Number(match[3]) } }
  }
  if (line.startsWith('{"h":') || line.startsWith('{"t":')) return readFrame(line)
  return fault('line', 'the line is none of the format')
}

function readRecord(line: string): Line {
  const match = RECORD.exec(line)
  if (match === null) return fault('line', 'the record line is malformed')
  const hash = match[1] ?? ''
  let end = line.length - 1
  let sealed: Sealed | null = null
  let digest: string | undefined
  if (!line.endsWith(`${LEAF_END}}`)) {
    // Neither key id nor base64url can hold a quote, and quotes inside a leaf's strings are escaped: the last one is the part's own.
    end = line.lastIndexOf(`${LEAF_END},"d":{"k":"`) + LEAF_END.length
    const part = SEALED.exec(line.slice(end))
    if (part === null) return fault('line', 'the record line is malformed')
    sealed = { k: part[1] ?? '', x: part[2] ?? '' }
    digest = sealedDigest(line.slice(end + SEALED_START, -1))
  }
  const text = line.slice(LEAF_START, end)
  if (leafHash(text) !== hash) return fault('leaf-hash', 'the leaf is not the one that was hashed', 'e')
  const leaf = readLeaf(text)
  if (isLeafFault(leaf)) return fault(leaf.kind, leaf.message, leaf.field)
  if ((leaf._sd === undefined) !== (sealed === null))
    return fault('disclosure', 'personal fields and their sealed part do not stand together', 'd')
  if (digest !== leaf.sealed) return fault('disclosure', 'the sealed part is not the one that its leaf binds', 'sealed')
  return { type: 'record', entry: { leaf, text, hash, sealed } }
}

function readFrame(line: string): Line {
  let value: Json
  try {
    value = JSON.parse(line)
    if (canonical(value) !== line) return fault('line', 'the line is not in its canonical form')
  } catch {
    return fault('line', 'the line is not JSON')
  }
  if (isFrame(value, 'h') && isHeader(value.h)) return { type: 'header', header: value.h }
  if (isFrame(value, 't') && isTrailer(value.t)) return { type: 'trailer', trailer: value.t }
  return fault('line', 'the header or trailer is malformed')
}

function isFrame<K extends string>(value: Json, key: K): value is Readonly<Record<K, Json>> {
  return typeof value === 'object' && value !== null && Object.keys(value).join() === key
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'epoch,first,log,root,v')
    return false
  const members = new Map<string, unknown>(Object.entries(value))
  const count = (name: string) => Number.isSafeInteger(members.get(name))
  return (
    count('epoch') &&
    count('first') &&
    typeof members.get('log') === 'string' &&
    isHash(members.get('root')) &&
    members.get('v') === SEGMENT_VERSION
  )
}

function isTrailer(value: unknown): value is Trailer {
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'note,root,size') return false
  const members = new Map<string, unknown>(Object.entries(value))
  return (
    typeof members.get('note') === 'string' && isHash(members.get('root')) && Number.isSafeInteger(members.get('size'))
  )
}

/** Whether a value is a SHA-256 in base64url. */
export function isHash(value: unknown): value is Hash {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value)
}
