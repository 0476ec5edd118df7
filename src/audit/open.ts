import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import type { Ledger } from '../core/record.ts'
import { type Committed, GATEWAY_TENANT } from './bounds.ts'
import { Disk } from './disk.ts'
import { type Clock, Registrar, SYSTEM_CLOCK } from './entry.ts'
import { makeDirectory } from './files.ts'
import { openContentKeys, openSigner } from './keys.ts'
import { SegmentLedger } from './ledger.ts'
import { lockDirectory } from './lock.ts'
import { checkpointText, isLogName, makeVerifier } from './note.ts'
import { readCheckpointNote } from './reader.ts'
import { recover, type Torn } from './recovery.ts'
import { freeBytes, makeReserve, RESERVE_BYTES, releaseReserve } from './reserve.ts'
import { headerLine, LEDGER_FOLDER, SEGMENT_VERSION, segmentName } from './segment.ts'
import { EMPTY_ROOT } from './tree.ts'

export const SEGMENT_MAX_BYTES = 64 * 1024 * 1024
export const MIN_FREE_BYTES = 16 * 1024 * 1024
/** Monotonic clocks of different boots do not compare: each process has a name of its own. */
const BOOT = randomBytes(8).toString('hex')

export type LedgerOptions = Readonly<{
  /** The operator's state folder; the log is `<state>/ledger`. */
  state: string
  /** Signing and content keys, apart from the state. Made on first use. */
  keys: string
  /** `<organisation>/<node>`: origin of the checkpoints. No spaces, no `+`. */
  log: string
  clock?: Clock
  /** Milliseconds between signed checkpoints while the log grows. Default 10,000. */
  checkpointEveryMs?: number
  /** A segment is sealed at this size. Default 64 MB. */
  maxSegmentBytes?: number
  /** An append that is not durable after so many milliseconds latches the ledger. Default 5,000. */
  deadlineMs?: number
  /** With fewer free bytes on the log's volume new calls are refused; open ones are still closed. Default 16 MB. */
  minFreeBytes?: number
  /** Hears of each durable commit, after its receipts. Must not throw. */
  onCommit?: (commit: Committed) => void
}>

/** What opening found and did. `size` is the number of records then durable. */
export type Recovered = Readonly<{ epoch: number; size: number; abandoned: number; torn: Torn | null }>

/**
 * Takes a log over: lock, recovery, a first checkpoint (of nothing) if the log is new, `call.abandoned` for every intent that a crash left open, `ledger.opened`, a checkpoint; all of it
 * durable before it resolves. Throws ERR_LEDGER_LOCKED, ERR_LEDGER_CORRUPT, ERR_KEYS_STORE, ERR_CONFIG_INVALID (the log's name), or
 * ERR_LEDGER_UNAVAILABLE if the disk fails.
 */
export async function openLedger(options: LedgerOptions): Promise<{ ledger: Ledger; recovered: Recovered }> {
  const { log } = options
  if (!isLogName(log))
    throw new CustomhouseError(
      'ERR_CONFIG_INVALID',
      `"${log}" cannot name a log: it must have no spaces and no plus sign.`,
    )
  const directory = join(options.state, LEDGER_FOLDER)
  try {
    makeDirectory(directory)
  } catch (cause) {
    throw unavailable(directory, cause)
  }
  const lock = lockDirectory(directory)
  let disk: Disk | null = null
  try {
    const signer = openSigner(options.keys, log)
    const keys = openContentKeys(options.keys, { make: true })
    const { chronicle, segment, torn } = await recover(directory, log, makeVerifier(signer.verifier))
    const epoch = chronicle.epoch + 1
    const openIntents = [...chronicle.open]
    makeRoom(directory, openIntents.length)
    disk = await Disk.open({ directory, segment: segment?.name ?? null, bytes: segment?.bytes ?? 0 })
    const header = headerLine({
      epoch,
      first: chronicle.tree.size,
      log,
      root: chronicle.tree.root(),
      v: SEGMENT_VERSION,
    })
    // Before the first segment: a log that has records and no checkpoint has lost it, and is refused.
    if (readCheckpointNote(directory) === null) {
      const empty = { origin: log, size: 0, root: EMPTY_ROOT }
      await disk.do({ type: 'checkpoint', note: signer.sign(checkpointText(empty)) })
    }
    if (segment === null) await disk.do({ type: 'create', segment: { name: segmentName(chronicle.tree.size), header } })
    const registrar = new Registrar({
      log,
      boot: BOOT,
      epoch,
      clock: options.clock ?? SYSTEM_CLOCK,
      keys,
      seq: chronicle.tree.size,
      tenants: chronicle.tenants,
      open: chronicle.open,
    })
    const ledger = new SegmentLedger({
      registrar,
      chronicle,
      disk,
      signer,
      bounds: {
        checkpointEveryMs: options.checkpointEveryMs ?? 10_000,
        maxSegmentBytes: options.maxSegmentBytes ?? SEGMENT_MAX_BYTES,
        deadlineMs: options.deadlineMs ?? 5_000,
        minFreeBytes: options.minFreeBytes ?? MIN_FREE_BYTES,
        onCommit: options.onCommit ?? null,
      },
      segmentBytes: segment?.bytes ?? Buffer.byteLength(header),
      release: lock.release,
    })
    const abandoned = openIntents.map(([of, { call, tenant }]) =>
      ledger.enter({ kind: 'call.abandoned', tenant, call, of, body: { reason: 'crash' } }),
    )
    const opened = ledger.enter({
      kind: 'ledger.opened',
      tenant: GATEWAY_TENANT,
      call: null,
      body: {
        abandoned: abandoned.length,
        torn: torn === null ? null : { bytes: torn.bytes, from: torn.from, segment: torn.segment, sha256: torn.sha256 },
      },
    })
    const [receipt] = await Promise.all([opened, ...abandoned])
    await ledger.checkpoint()
    // Nothing is sent on a disk that has no room for its end.
    makeReserve(directory)
    return { ledger, recovered: { epoch, size: receipt.seq + 1, abandoned: abandoned.length, torn } }
  } catch (error) {
    await disk?.end()
    lock.release()
    throw error instanceof CustomhouseError ? error : unavailable(directory, error)
  }
}

/** On a full disk the reserve is for closing what is open; with nothing open, nothing is written at all. */
function makeRoom(directory: string, openIntents: number): void {
  if (freeBytes(directory) >= RESERVE_BYTES) return
  if (openIntents === 0) throw new Error('the disk is full')
  releaseReserve(directory)
}

function unavailable(directory: string, cause: unknown): CustomhouseError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new CustomhouseError('ERR_LEDGER_UNAVAILABLE', `The ledger in ${directory} cannot be written to: ${why}`, {
    cause,
  })
}
