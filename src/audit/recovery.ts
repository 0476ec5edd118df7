import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { Chronicle } from './chronicle.ts'
import { corrupt, type Damage, damageAt, describeDamage } from './damage.ts'
import { syncDirectory, UNFINISHED } from './files.ts'
import { type Head, HeldHead } from './head.ts'
import type { Verifier } from './note.ts'
import { listSegments, readCheckpointNote, readSegment } from './reader.ts'
import { keeps, openCheckpoint, type Replayed, replaySegment } from './replay.ts'
import { firstOf, MAX_LINE_BYTES } from './segment.ts'
import { readSnapshot } from './snapshot.ts'

/** A torn tail that recovery cut off: it was never acknowledged. */
export type Torn = Readonly<{ segment: string; from: number; bytes: number; sha256: string }>
/** A log as recovery found it. `segment` is the one to go on with, null if a new one is due; `lost` why it does not extend the head that the keys folder holds. */
export type Found = Readonly<{
  chronicle: Chronicle
  segment: Readonly<{ name: string; bytes: number }> | null
  torn: Torn | null
  lost: Damage | null
}>

/** Largest commit that a writer makes, with room for its last record and commit line. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024 + 2 * MAX_LINE_BYTES

/**
 * Brings a log to its last whole commit. The lock must be held. Cuts a torn tail; anything else that is damaged, or less than what
 * was signed, is ERR_LEDGER_CORRUPT: it is not ours to mend. `kept` is the head that the keys folder holds; a log that does not extend
 * it is accepted where an operator says so (`restoring`), and there a log that does is ERR_CLI_USAGE. `before` is called before a tail is cut: it throws where
 * the lock was lost meanwhile.
 */
export async function recover(
  directory: string,
  log: string,
  verifier: Verifier,
  kept: Head | Damage | null = null,
  restoring = false,
  before: () => void = () => undefined,
): Promise<Found> {
  for (const name of readdirSync(directory)) if (name.endsWith(UNFINISHED)) rmSync(join(directory, name))
  const segments = listSegments(directory)
  const note = readCheckpointNote(directory)
  if (note === null && segments.length > 0) throw checkpointGone(directory)
  const head = note === null ? { size: 0, root: '' } : openCheckpoint(note, log, verifier)
  if ('kind' in head) throw corrupt(head)

  const wanted = kept === null || 'kind' in kept ? null : kept
  const { chronicle, from } = await startingPoint(directory, log, verifier, segments, wanted?.size ?? null)
  const held = wanted === null ? null : new HeldHead(wanted, chronicle)
  const signed = keeps(head)
  const grown = (grownBy: Chronicle): Damage | null => {
    held?.grown(grownBy)
    return signed(grownBy)
  }
  let last: Replayed | null = null
  for (const segment of segments.slice(from)) {
    if (last !== null && !last.sealed)
      throw corrupt(
        damageAt(
          'segment',
          { segment: last.segment, line: 0, byte: last.end },
          'a segment without a trailer is followed by another',
        ),
      )
    last = await replaySegment(directory, segment, chronicle, verifier, { grown })
    const isLast = segment === segments.at(-1)
    if ((last.damage !== null || last.uncommitted > 0) && !(isLast && isTorn(directory, last))) {
      throw corrupt(
        last.damage ??
          damageAt('segment', { segment, line: 0, byte: last.end }, 'a segment ends in the middle of a commit'),
      )
    }
  }
  if (head.size > chronicle.tree.size) {
    throw corrupt(
      damageAt(
        'rolled-back',
        null,
        `${head.size} records were signed, ${chronicle.tree.size} are there: is this an old copy?`,
      ),
    )
  }
  const lost = kept !== null && 'kind' in kept ? kept : (held?.breach(chronicle, 'the keys folder') ?? null)
  if (lost !== null && !restoring) throw notTheNewest(lost)
  if (lost === null && restoring)
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      `The ledger in ${directory} lacks nothing that the keys folder knows of: there is nothing to restore.`,
    )
  const torn = last !== null && (last.damage !== null || last.uncommitted > 0) ? cut(directory, last, before) : null
  const segment = last === null || last.sealed ? null : { name: last.segment, bytes: last.end }
  return { chronicle, segment, torn, lost }
}

/** The log may be whole, and is not the one that was signed last: an older copy, an emptied folder, or another branch of it. */
function notTheNewest(lost: Damage): CustomhouseError {
  return new CustomhouseError(
    'ERR_LEDGER_CORRUPT',
    `The ledger is not opened: ${describeDamage(lost)}. This is an older copy of the state, or an emptied folder. Bring back the newest one; if it is lost, accept that with \`customhouse audit restore --reason TEXT\`, which records what is missing.`,
    { detail: { kind: lost.kind, segment: '', seq: lost.seq ?? -1 } },
  )
}

/** A checkpoint is durable before the first segment is made: without one, nothing says how much of the log was signed. */
function checkpointGone(directory: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_LEDGER_CORRUPT',
    `The ledger in ${directory} has records but no checkpoint, which is durable before the first of them: it was removed, and records may have been. Put back the newest checkpoint that anybody holds; if there is none, keep this folder as evidence and begin another log (an empty state folder, another audit.log name).`,
    { detail: { kind: 'checkpoint', segment: '', seq: -1 } },
  )
}

/** The newest segment's snapshot if it fits, else the very beginning; `compared` is a size at which the tree is needed. */
async function startingPoint(
  directory: string,
  log: string,
  verifier: Verifier,
  segments: readonly string[],
  compared: number | null,
): Promise<{ chronicle: Chronicle; from: number }> {
  const newest = segments.at(-1)
  if (newest !== undefined && firstOf(newest) > 0 && (compared ?? firstOf(newest)) >= firstOf(newest)) {
    for await (const piece of readSegment(directory, newest)) {
      const chronicle =
        piece.type === 'header' && piece.header.log === log ? readSnapshot(directory, verifier, piece.header) : null
      if (chronicle !== null) return { chronicle, from: segments.length - 1 }
      break
    }
  }
  return { chronicle: new Chronicle(log), from: 0 }
}

/**
 * Whether what follows the last good commit can be a write that a crash interrupted. A commit is written only after the one before
 * it is durable, so damage before a later commit is not ours. A torn write lacks its end, or has holes of NUL where blocks never
 * reached the disk; it never alters text.
 */
function isTorn(directory: string, replayed: Replayed): boolean {
  const path = join(directory, replayed.segment)
  const length = statSync(path).size - replayed.end
  if (replayed.end === 0 || replayed.sealed || length > MAX_GROUP_BYTES) return false
  const rest = readFrom(path, replayed.end, length)
  const lines = rest.toString('latin1').split('\n')
  const commit = lines.findIndex((line) => line.startsWith('{"c":'))
  // After its commit line a write can still hold the trailer of a segment that it seals, and ends in a newline or is cut off.
  const after = commit === -1 ? [] : lines.slice(commit + 1).filter((line) => line !== '')
  if (after.length > 1 || after.some((line) => !line.startsWith('{"t":'))) return false
  return rest.includes(0) || replayed.damage === null
}

function readFrom(path: string, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const fd = openSync(path, constants.O_RDONLY)
  try {
    for (let done = 0; done < length; ) {
      const read = readSync(fd, bytes, done, length - done, from + done)
      if (read === 0) throw new CustomhouseError('ERR_LEDGER_CORRUPT', `${path} grows shorter while it is recovered.`)
      done += read
    }
    return bytes
  } finally {
    closeSync(fd)
  }
}

function cut(directory: string, replayed: Replayed, before: () => void): Torn {
  const path = join(directory, replayed.segment)
  const bytes = readFrom(path, replayed.end, statSync(path).size - replayed.end)
  const fd = openSync(path, constants.O_RDWR)
  try {
    before()
    ftruncateSync(fd, replayed.end)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncDirectory(directory)
  return {
    segment: replayed.segment,
    from: replayed.end,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}
