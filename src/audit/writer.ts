import { closeSync, constants, fdatasyncSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { publish, syncDirectory, writeAtomically, writeWhole } from './files.ts'
import { KEPT_HEAD_FILE, readKeptNote } from './head.ts'
import { type Identity, stands } from './lock.ts'
import { parseCheckpoint } from './note.ts'
import { freeBytes, isWantOfRoom, keepReserve, makeReserve } from './reserve.ts'
import type { Room } from './room.ts'
import { CHECKPOINT_FILE } from './segment.ts'
import { SNAPSHOT_FILE } from './snapshot.ts'

/**
 * The only code that writes to the log, in a worker of its own: fdatasync blocks. One job after the other, each answered when it is
 * durable. After the first failure it does nothing any more, since the kernel may call pages clean that it could not write.
 */

/** What the worker is started with: where the log stands, and the lock that makes it ours. */
export type WriterStart = Readonly<{
  directory: string
  keys: string
  lock: Identity
  /** The lock of the log's name in the keys folder. */
  keysLock: Identity
  log: string
  /** The note that stood in the keys folder, and that opening compared with the log or accepted. */
  kept: string | null
  segment: string | null
  bytes: number
  /** With so many free bytes the reserve is made again, should it be gone. */
  reserveFrom: number
}>
/** A segment to be made: its name and header line. */
export type NewSegment = Readonly<{ name: string; header: string }>
export type Job =
  /** The checkpoint of nothing, before there is a segment. The keys folder may know of more, and is left alone. */
  | Readonly<{ type: 'begin'; note: string }>
  | Readonly<{ type: 'create'; segment: NewSegment }>
  /** Ends with its commit line; with `seal`, with the trailer, and the log goes on in the next segment. */
  | Readonly<{
      type: 'commit'
      /** Text crosses threads at a third of the cost of a buffer; `bytes` is what it must have in UTF-8. */
      text: string
      bytes: number
      seal: Readonly<{ next: NewSegment; snapshot: string; checkpoint: string }> | null
    }>
  | Readonly<{ type: 'checkpoint'; note: string }>
  /** Sets the reserve aside, if it is not: the writer makes it again as well, should it be gone. */
  | Readonly<{ type: 'reserve' }>
  /** Looks whether the log is still ours, and the file still the one at its path. */
  | Readonly<{ type: 'check' }>
  | Readonly<{ type: 'close' }>
/** `ms` is the time that the disk took. What the volumes have left is in it, bytes. */
export type Done = Room & Readonly<{ ms: number }>
export type Answer = Done | Readonly<{ failed: string; code: string }>

type Current = Readonly<{ fd: number; file: Identity }>

function isStart(value: unknown): value is WriterStart {
  return typeof value === 'object' && value !== null && 'directory' in value && 'lock' in value && 'bytes' in value
}

function run(start: WriterStart, port: NonNullable<typeof parentPort>): void {
  const { directory, keys, lock, keysLock, log } = start
  let kept = start.kept
  /** A head that the keys folder had no room for: the one there is older, which is no damage. Tried again each second. */
  let behind: string | null = null
  let keysFree = freeBytes(keys)
  let current: Current | null = null
  let bytes = 0
  let failed = false

  const use = (name: string): void => {
    const path = join(directory, name)
    const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND)
    const { dev, ino, size } = fstatSync(fd)
    current = { fd, file: { path, dev, ino } }
    bytes = size
  }

  const superseded = (why: string): Error => new Error(`another writer took the log over: ${why}`)

  const holds = (one: Identity): void => {
    if (!stands(one)) throw superseded(`${one.path} is not the lock file that this one holds.`)
  }
  const holdsLock = (): void => holds(lock)
  /** Directly before a file gets its name: a writer that was held up on its way must not put an older file in the place of a newer. */
  const holdsBoth = (): void => {
    holds(lock)
    holds(keysLock)
  }

  /**
   * The kernel's lock can fail: its file is removed, the file system is shared without locks. Who was superseded must notice before it
   * writes, so that it damages nothing: whoever takes the log over makes the lock file first, and writes `ledger.opened` to the segment.
   */
  const fence = (): void => {
    holdsLock()
    if (current === null) return
    const own = fstatSync(current.fd)
    if (own.nlink === 0) throw new Error(`${current.file.path} was removed under the writer.`)
    if (own.size !== bytes)
      throw superseded(`${current.file.path} holds ${own.size} bytes where this one wrote ${bytes}.`)
  }

  /**
   * Vault and SQLite go on writing to a file that was removed: we look, after each sync and before each acknowledgement. The lock once
   * more: what is acknowledged was on disk before anybody could take the log over, and so is in what they found.
   */
  const check = (): void => {
    fence()
    if (current !== null && !stands(current.file))
      throw new Error(`${current.file.path} was replaced under the writer.`)
  }

  const create = (segment: NewSegment): void => {
    if (current !== null) closeSync(current.fd)
    current = null
    publish(directory, segment.name, segment.header, holdsBoth)
    use(segment.name)
  }

  /** A head that is not ours and not older is another writer's. That of another log says nothing of this one. */
  const notAhead = (note: string): void => {
    const there = readKeptNote(keys)
    if (there === null || there === kept) return
    const theirs = parseCheckpoint(there)
    const ours = parseCheckpoint(note)
    if (theirs === null || ours === null || theirs.origin !== log || theirs.size < ours.size) return
    if (theirs.size === ours.size && theirs.root === ours.root) return
    throw superseded(`${join(keys, KEPT_HEAD_FILE)} knows of ${theirs.size} records, this one of ${ours.size}.`)
  }

  const keepHead = (note: string): void => {
    try {
      writeAtomically(keys, KEPT_HEAD_FILE, note, 0o644, () => {
        holdsBoth()
        notAhead(note)
      })
      kept = note
      behind = null
    } catch (error) {
      if (!isWantOfRoom(error)) throw error
      behind = note
    }
    lookAtKeys()
  }

  const lookAtKeys = (): void => {
    keysFree = behind === null ? freeBytes(keys) : 0
  }

  /** The state's own head first: the keys folder never knows of more than the state did. */
  const keep = (note: string): void => {
    writeAtomically(directory, CHECKPOINT_FILE, note, 0o644, holdsBoth)
    keepHead(note)
  }

  const commit = (job: Extract<Job, { type: 'commit' }>): void => {
    if (current === null) throw new Error('There is no segment to write to.')
    const block = Buffer.from(job.text)
    if (block.length !== job.bytes)
      throw new Error(`A commit has ${block.length} bytes where ${job.bytes} were counted.`)
    fence()
    writeWhole(current.fd, block)
    fdatasyncSync(current.fd)
    bytes += block.length
    check()
    if (job.seal === null) return
    writeAtomically(directory, SNAPSHOT_FILE, job.seal.snapshot, 0o600, holdsBoth)
    create(job.seal.next)
    keep(job.seal.checkpoint)
  }

  const perform = (job: Job): void => {
    switch (job.type) {
      case 'begin':
        holdsLock()
        writeAtomically(directory, CHECKPOINT_FILE, job.note, 0o644, holdsBoth)
        break
      case 'create':
        holdsLock()
        create(job.segment)
        break
      case 'commit':
        commit(job)
        break
      case 'checkpoint':
        fence()
        keep(job.note)
        break
      case 'check':
        check()
        holds(keysLock)
        keepReserve(directory, start.reserveFrom)
        if (behind === null) lookAtKeys()
        else keepHead(behind)
        break
      case 'reserve':
        makeReserve(directory)
        break
      case 'close':
        if (current !== null) closeSync(current.fd)
        current = null
        syncDirectory(directory)
    }
  }

  const guarded = (work: () => void): void => {
    if (failed) return
    const began = performance.now()
    try {
      work()
      port.postMessage({ ms: performance.now() - began, free: freeBytes(directory), keysFree } satisfies Answer)
    } catch (error) {
      failed = true
      const named = error instanceof Error && 'code' in error ? String(error.code) : 'ERROR'
      // A quota's error has no code of its own, and a number does not cross threads with it.
      const code = isWantOfRoom(error) ? 'ENOSPC' : named
      port.postMessage({ failed: error instanceof Error ? error.message : String(error), code } satisfies Answer)
    }
  }

  port.on('message', (job: Job) => guarded(() => perform(job)))
  // The first answer says that the log is open.
  guarded(() => {
    if (start.segment === null) return
    use(start.segment)
    if (bytes !== start.bytes)
      throw new Error(`${start.segment} holds ${bytes} bytes where recovery left ${start.bytes}.`)
  })
}

if (parentPort !== null && isStart(workerData)) run(workerData, parentPort)
