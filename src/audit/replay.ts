import type { Chronicle } from './chronicle.ts'
import { type Damage, damageAt } from './damage.ts'
import { checkpointText, parseCheckpoint, type Verifier } from './note.ts'
import { type Piece, type PlacedEntry, readSegment } from './reader.ts'
import { type Header, segmentName } from './segment.ts'

/** How far a segment was read: `end` is the byte after the last whole commit or the trailer. */
export type Replayed = Readonly<{
  segment: string
  end: number
  /** Bytes after `end` that no commit line covers. */
  uncommitted: number
  sealed: boolean
  damage: Damage | null
}>

/** Hears of what was read. `entry` may find fault with a record's sealed part; `grown` with the tree after each leaf. */
export type Listener = Readonly<{
  entry?: (placed: PlacedEntry, segment: string) => Damage | null
  grown?: (chronicle: Chronicle) => Damage | null
  read?: (bytes: number) => void
}>

/** Why a segment must not follow a chronicle; null if it may. */
export function headerBreach(chronicle: Chronicle, header: Header, segment: string): Damage | null {
  const place = { segment, line: 1, byte: 0 }
  if (header.log !== chronicle.log)
    return damageAt('header', place, `the segment belongs to ${header.log}`, { field: 'log' })
  if (segmentName(header.first) !== segment)
    return damageAt('header', place, `the file is named for another place than ${header.first}`, { field: 'first' })
  if (header.first !== chronicle.tree.size) {
    return damageAt('segment', place, `the segment begins at seq ${header.first}, but ${chronicle.tree.size} was due`, {
      field: 'first',
    })
  }
  if (header.root !== chronicle.tree.root())
    return damageAt('header', place, 'the root is not the one that the tree had', { field: 'root' })
  // An opening makes its first segment before its first record: the header may be one epoch ahead.
  if (header.epoch !== chronicle.epoch && header.epoch !== chronicle.epoch + 1) {
    return damageAt('epoch', place, `epoch ${chronicle.epoch} or the next was due, not ${header.epoch}`, {
      field: 'epoch',
    })
  }
  return null
}

/** Reads a segment and appends its commits to the chronicle. Stops at the first damage; `end` is then the last good place. */
export async function replaySegment(
  directory: string,
  segment: string,
  chronicle: Chronicle,
  verifier: Verifier | null,
  listener: Listener = {},
): Promise<Replayed> {
  let end = 0
  let sealed = false
  const at = (damage: Damage | null, uncommitted = 0): Replayed => ({ segment, end, uncommitted, sealed, damage })
  for await (const piece of readSegment(directory, segment)) {
    if (piece.type === 'damage') return at(numbered(piece, chronicle))
    if (piece.type === 'tail') return at(tailBreach(piece, chronicle, segment), piece.end - piece.from)
    let damage: Damage | null = null
    if (piece.type === 'header') {
      damage = headerBreach(chronicle, piece.header, segment)
      chronicle.epoch = piece.header.epoch
    }
    if (piece.type === 'group') damage = appendGroup(piece, chronicle, segment, listener)
    if (piece.type === 'trailer') damage = trailerBreach(piece, chronicle, verifier)
    if (damage !== null) return at(damage)
    if (piece.type === 'trailer') sealed = true
    const before = end
    end = piece.end
    listener.read?.(end - before)
  }
  return at(null)
}

function numbered({ damage, index }: Extract<Piece, { type: 'damage' }>, chronicle: Chronicle): Damage {
  return damage.kind === 'header' ? damage : { ...damage, seq: chronicle.tree.size + index }
}

/** A tail is not applied, but what stands in it whole must follow. */
function tailBreach(piece: Extract<Piece, { type: 'tail' }>, chronicle: Chronicle, segment: string): Damage | null {
  for (const [i, { entry, line, byte }] of piece.entries.entries()) {
    if (entry.leaf.seq !== chronicle.tree.size + i || entry.leaf.log !== chronicle.log) {
      return damageAt('seq', { segment, line, byte }, `seq ${chronicle.tree.size + i} was due, not ${entry.leaf.seq}`, {
        seq: entry.leaf.seq,
        field: 'seq',
      })
    }
  }
  return null
}

function appendGroup(
  piece: Extract<Piece, { type: 'group' }>,
  chronicle: Chronicle,
  segment: string,
  listener: Listener,
): Damage | null {
  const first = chronicle.tree.size
  for (const placed of piece.entries) {
    const { entry, line, byte } = placed
    const breach = chronicle.breach(entry.leaf)
    if (breach !== null)
      return damageAt(breach.kind, { segment, line, byte }, breach.message, {
        seq: entry.leaf.seq,
        field: breach.field,
      })
    const fault = listener.entry?.(placed, segment) ?? null
    if (fault !== null) return fault
    chronicle.append(entry.leaf, entry.hash)
    const grown = listener.grown?.(chronicle) ?? null
    if (grown !== null) return grown
  }
  const { from, root, size } = piece.commit
  if (from !== first || size !== chronicle.tree.size || root !== chronicle.tree.root()) {
    // Where `from` alone is wrong, a commit line before this one was taken out.
    const field = size !== chronicle.tree.size ? 'size' : root !== chronicle.tree.root() ? 'root' : 'from'
    return damageAt(
      'root',
      piece.place,
      `the leaves ${first} to ${chronicle.tree.size - 1} do not give the ${field} of their commit`,
      { seq: first, field },
    )
  }
  return null
}

function trailerBreach(
  piece: Extract<Piece, { type: 'trailer' }>,
  chronicle: Chronicle,
  verifier: Verifier | null,
): Damage | null {
  const { note, root, size } = piece.trailer
  if (size !== chronicle.tree.size || root !== chronicle.tree.root()) {
    return damageAt('trailer', piece.place, 'the trailer is not the one of this tree', {
      field: size === chronicle.tree.size ? 'root' : 'size',
    })
  }
  if (!note.startsWith(`${checkpointText({ origin: chronicle.log, size, root })}\n`)) {
    return damageAt('trailer', piece.place, 'the signed checkpoint is not the one of this tree', { field: 'note' })
  }
  if (verifier !== null && verifier.open(note) === null)
    return damageAt('signature', piece.place, 'the seal is not signed by the key', { field: 'note' })
  return null
}

/** Opens a checkpoint's note: its tree head, or the damage. Without a verifier the signature is not checked. */
export function openCheckpoint(
  note: string,
  log: string,
  verifier: Verifier | null,
): { size: number; root: string } | Damage {
  const text = verifier === null ? note.slice(0, note.lastIndexOf('\n\n') + 1) : verifier.open(note)
  if (text === null) return damageAt('signature', null, 'the checkpoint is not signed by the key')
  const checkpoint = parseCheckpoint(text)
  if (checkpoint === null) return damageAt('checkpoint', null, 'the checkpoint is malformed')
  if (checkpoint.origin !== log) return damageAt('checkpoint', null, `the checkpoint is of ${checkpoint.origin}`)
  return checkpoint
}

/** A listener's `grown` that compares the tree with a signed head when it reaches its size. */
export function keeps(head: { readonly size: number; readonly root: string }): (chronicle: Chronicle) => Damage | null {
  return (chronicle) =>
    chronicle.tree.size === head.size && chronicle.tree.root() !== head.root
      ? damageAt('checkpoint', null, `the first ${head.size} leaves do not give the root that was signed`)
      : null
}
