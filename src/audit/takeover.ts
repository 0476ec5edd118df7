import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import { type Committed, GATEWAY_TENANT } from './bounds.ts'
import type { Chronicle } from './chronicle.ts'
import type { Damage } from './damage.ts'
import { Disk } from './disk.ts'
import { type Clock, Registrar, SYSTEM_CLOCK } from './entry.ts'
import { detach, makeDirectory } from './files.ts'
import { type Head, openKept, readKeptNote } from './head.ts'
import { openContentKeys, openSigner } from './keys.ts'
import { SegmentLedger } from './ledger.ts'
import { isRemembered, type Lock, lockDirectory, lockKeys, remember, stands } from './lock.ts'
import { checkpointText, isLogName, makeVerifier } from './note.ts'
import { listSegments, readCheckpointNote } from './reader.ts'
import { type Found, recover, type Torn } from './recovery.ts'
import { keysNotWritable, makeRoom, probeKeys, wantOfRoom } from './reserve.ts'
import { headerLine, LEDGER_FOLDER, SEGMENT_VERSION, segmentName } from './segment.ts'
import { EMPTY_ROOT } from './tree.ts'
import { readStateVersion, type Upgraded, upgrade, writeStateVersion } from './version.ts'

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
export type Recovered = Readonly<{
  epoch: number
  size: number
  abandoned: number
  torn: Torn | null
  upgraded: Upgraded | null
}>

/** A log that is not the one that was signed last: what stands there, what the keys folder knows (null: what it holds is no signed head), and why they do not agree. */
export type Lost = Readonly<{ found: Head; signed: Head | null; damage: Damage }>

/** A log that was taken over. `lost` is null unless it was accepted that records are missing. */
export type Taken = Readonly<{ ledger: SegmentLedger; recovered: Recovered; lost: Lost | null }>

/**
 * Takes a log over: lock, upgrade, recovery, a first checkpoint (of nothing) if the log is new, `call.abandoned` for every intent that a crash left open, `ledger.opened`, a checkpoint; all of it
 * durable before it resolves. With `restoring`, and only there, a log that the keys folder knows to be incomplete is taken over, and
 * `ledger.restored` says so. Throws what `openLedger` throws, and ERR_CLI_USAGE if there is nothing to restore.
 */
export async function takeOver(options: LedgerOptions, restoring: { readonly reason: string } | null): Promise<Taken> {
  const { keys, log, state } = options
  if (!isLogName(log))
    throw new CustomhouseError(
      'ERR_CONFIG_INVALID',
      `"${log}" cannot name a log: it must have no spaces and no plus sign.`,
    )
  const directory = join(state, LEDGER_FOLDER)
  try {
    // What a newer program wrote is not touched at all, not even locked.
    readStateVersion(state, directory)
    makeDirectory(directory)
  } catch (error) {
    throw ours(directory, error)
  }
  const lock = lockDirectory(directory)
  let keysLock: Lock | null = null
  let disk: Disk | null = null
  try {
    // Before anything is appended: what cannot be sealed or signed must not be begun, also not once a second.
    probeKeys(keys, log)
    const signing = lockKeys(keys, log)
    keysLock = signing
    const held = (): void => {
      if (!stands(lock.file) || !stands(signing.file)) throw new Error('its lock was removed while it was opened')
    }
    const newest = listSegments(directory).at(-1)
    if (!isRemembered(directory, lock)) {
      // The writer before may still be at work: whatever it appends from here on goes to a file that has no name any more.
      if (newest !== undefined) detach(directory, newest, held)
      remember(directory, lock)
    }
    const signer = openSigner(keys, log)
    const contentKeys = openContentKeys(keys, { make: true })
    const verifier = makeVerifier(signer.verifier)
    const isNew = newest === undefined && readCheckpointNote(directory) === null
    const upgraded = upgrade({ state, keys, directory, log, verifier })
    const keptNote = readKeptNote(keys)
    const kept = openKept(keptNote, log, verifier)
    const found = await recover(directory, log, verifier, kept, restoring !== null, held)
    const { chronicle, segment, torn } = found
    const lost = lostOf(found, kept)
    const epoch = chronicle.epoch + 1
    const openIntents = [...chronicle.open]
    if (isNew) writeStateVersion(state)
    makeRoom(directory, openIntents.length)
    const minFreeBytes = options.minFreeBytes ?? MIN_FREE_BYTES
    disk = await Disk.open({
      directory,
      keys,
      lock: lock.file,
      keysLock: signing.file,
      log,
      kept: keptNote,
      segment: segment?.name ?? null,
      bytes: segment?.bytes ?? 0,
      reserveFrom: Math.max(minFreeBytes, 0),
    })
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
      await disk.do({ type: 'begin', note: signer.sign(checkpointText(empty)) })
    }
    if (segment === null) await disk.do({ type: 'create', segment: { name: segmentName(chronicle.tree.size), header } })
    const registrar = new Registrar({
      log,
      boot: BOOT,
      epoch,
      clock: options.clock ?? SYSTEM_CLOCK,
      keys: contentKeys,
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
        minFreeBytes,
        onCommit: options.onCommit ?? null,
      },
      segmentBytes: segment?.bytes ?? Buffer.byteLength(header),
      release: () => {
        signing.release()
        lock.release()
      },
    })
    const abandoned = abandon(ledger, openIntents)
    const opened = ledger.enter({
      kind: 'ledger.opened',
      tenant: GATEWAY_TENANT,
      call: null,
      body: {
        abandoned: abandoned.length,
        torn: torn === null ? null : { bytes: torn.bytes, from: torn.from, segment: torn.segment, sha256: torn.sha256 },
        upgraded: upgraded === null ? null : { from: upgraded.from, to: upgraded.to },
      },
    })
    const restored = lost === null || restoring === null ? [] : [enterRestored(ledger, lost, restoring.reason)]
    const receipts = await Promise.all([...abandoned, opened, ...restored])
    await ledger.checkpoint()
    const health = ledger.health()
    // An older head in the keys folder is no damage to a log that goes on; one that was to be accepted would be asked for again.
    if (restoring !== null && isCustomhouseError(health) && health.detail.volume === 'keys')
      throw keysNotWritable(keys, wantOfRoom())
    writeStateVersion(state)
    // Nothing is sent on a disk that has no room for its end.
    await disk.do({ type: 'reserve' })
    const size = (receipts.at(-1)?.seq ?? 0) + 1
    return { ledger, recovered: { epoch, size, abandoned: abandoned.length, torn, upgraded }, lost }
  } catch (error) {
    await disk?.end()
    keysLock?.release()
    lock.release()
    throw ours(directory, error)
  }
}

function lostOf({ chronicle, lost }: Found, kept: Head | Damage | null): Lost | null {
  if (lost === null) return null
  const found = { size: chronicle.tree.size, root: chronicle.tree.root() }
  return { found, signed: kept === null || 'kind' in kept ? null : { size: kept.size, root: kept.root }, damage: lost }
}

/** A crash left these open. What was on record of an answer by then is named: more of it may have been released. */
function abandon(ledger: SegmentLedger, intents: readonly (readonly [number, ReturnType<Chronicle['open']['get']>])[]) {
  return intents.flatMap(([of, intent]) =>
    intent === undefined
      ? []
      : [
          ledger.enter({
            kind: 'call.abandoned',
            tenant: intent.tenant,
            call: intent.call,
            of,
            body: {
              reason: 'crash',
              progress:
                intent.progress === undefined ? null : { seq: intent.progress.seq, bytes: intent.progress.bytes },
            },
          }),
        ],
  )
}

function enterRestored(ledger: SegmentLedger, { found, signed }: Lost, reason: string) {
  return ledger.enter({
    kind: 'ledger.restored',
    tenant: GATEWAY_TENANT,
    call: null,
    body: {
      found: { root: found.root, size: found.size },
      reason,
      signed: signed === null ? null : { root: signed.root, size: signed.size },
    },
  })
}

function ours(directory: string, cause: unknown): CustomhouseError {
  if (cause instanceof CustomhouseError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new CustomhouseError('ERR_LEDGER_UNAVAILABLE', `The ledger in ${directory} cannot be written to: ${why}`, {
    cause,
  })
}
