import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Chronicle } from './chronicle.ts'
import { type Damage, damageAt } from './damage.ts'
import { disclosureDigest, sealContext, unseal } from './disclosure.ts'
import { type ContentKeys, keyPrefix } from './keys.ts'
import { makeVerifier, parseCheckpoint, type Verifier } from './note.ts'
import { listSegments, type PlacedEntry, readCheckpointNote, readSegment } from './reader.ts'
import { keeps, openCheckpoint, type Replayed, replaySegment } from './replay.ts'
import type { Hash } from './tree.ts'

type DisclosureKeys = Pick<ContentKeys, 'opening'>

export type VerifyOptions = Readonly<{
  /** C2SP verifier key of the log. Without it no signature is checked and the result is at best `incomplete`. */
  publicKey?: string
  /** Content keys: with them, sealed parts are opened and compared with the digests in their leaves. */
  contentKeys?: DisclosureKeys
  /** Parts whose content key is gone are as they should be: erasures are known. Without it they make the result `incomplete`. */
  allowErased?: boolean
  /** Hears, now and then, how many bytes of how many were read. */
  progress?: (bytes: number, of: number) => void
}>

/** Whether a property was checked: what was not is never reported as fine. */
export type Check = 'checked' | 'not checked'

/**
 * `verified`: all that stands in the log follows from its first record, and is what was signed. `tampered`: it is not; `damage` says
 * where and how. `incomplete`: nothing is wrong with what was read, but something is missing that verification needs (`missing`).
 */
export type Verification = Readonly<{
  status: 'verified' | 'tampered' | 'incomplete'
  log: string | null
  segments: number
  size: number
  root: Hash | null
  epoch: number
  /** Size of the newest signed checkpoint: what comes after it is consistent, but not signed yet. */
  signedSize: number | null
  /** Intents that nothing has closed yet: calls in flight, or what the next start will abandon. */
  openIntents: number
  /** Bytes after the last commit: a write under way, or torn by a crash. */
  uncommittedBytes: number
  /** Sealed parts that were opened, and those whose key is gone: erased, or lost. */
  disclosures: Readonly<{ opened: number; erased: number }>
  checks: Readonly<{ structure: Check; roots: Check; intents: Check; signatures: Check; disclosures: Check }>
  damage: Damage | null
  missing: readonly string[]
}>

/** Verifies a log's folder (`<state>/ledger`) from its first byte. Reads only; a writer may be at work. */
export async function verifyLedger(directory: string, options: VerifyOptions = {}): Promise<Verification> {
  const verifier = options.publicKey === undefined ? null : makeVerifier(options.publicKey)
  // The checkpoint before the segments: these only grow.
  const note = readCheckpointNote(directory)
  const segments = listSegments(directory)
  const log = await nameOf(directory, segments, note, verifier)
  const chronicle = new Chronicle(log ?? '')
  const head = note === null || log === null ? null : openCheckpoint(note, log, verifier)
  const total = segments.reduce((sum, segment) => sum + statSync(join(directory, segment)).size, 0)
  const opened = { opened: 0, erased: 0 }
  let bytes = 0
  const listener = {
    read: (more: number) => {
      bytes += more
      options.progress?.(bytes, total)
    },
    ...(head === null || 'kind' in head ? {} : { grown: keeps(head) }),
    entry: disclosureCheck(options.contentKeys ?? null, opened),
  }

  let damage: Damage | null = head !== null && 'kind' in head ? head : null
  let last: Replayed | null = null
  for (const segment of segments) {
    if (damage !== null) break
    if (last !== null && !last.sealed) {
      damage = damageAt(
        'segment',
        { segment: last.segment, line: 0, byte: last.end },
        'it has no trailer, but another segment follows',
      )
      break
    }
    last = await replaySegment(directory, segment, chronicle, verifier, listener)
    damage = last.damage
  }
  const size = chronicle.tree.size
  if (damage === null && head !== null && !('kind' in head) && head.size > size) {
    damage = damageAt('rolled-back', null, `${head.size} records were signed and ${size} are there`, { seq: size })
  }
  const missing = [
    ...(segments.length === 0 && damage === null ? [`there is no segment in ${directory}`] : []),
    ...(note === null ? ['there is no signed checkpoint'] : []),
    ...(verifier === null ? ['no verifier key was given: signatures are not checked'] : []),
    ...(opened.erased > 0 && options.allowErased !== true
      ? [`${opened.erased} sealed parts have no content key any more: erased, or lost`]
      : []),
  ]
  const whole: Check = damage === null && segments.length > 0 ? 'checked' : 'not checked'
  return {
    status: damage !== null ? 'tampered' : missing.length > 0 ? 'incomplete' : 'verified',
    log,
    segments: segments.length,
    size,
    root: size === 0 ? null : chronicle.tree.root(),
    epoch: chronicle.epoch,
    signedSize: head === null || 'kind' in head ? null : head.size,
    openIntents: chronicle.open.size,
    uncommittedBytes: last?.uncommitted ?? 0,
    disclosures: opened,
    checks: {
      structure: whole,
      roots: whole,
      intents: whole,
      signatures: verifier === null || note === null ? 'not checked' : whole,
      disclosures: options.contentKeys === undefined || opened.erased > 0 ? 'not checked' : whole,
    },
    damage,
    missing,
  }
}

/** Whose log it is: the key says it, else the checkpoint, else the first segment. */
async function nameOf(
  directory: string,
  segments: readonly string[],
  note: string | null,
  verifier: Verifier | null,
): Promise<string | null> {
  if (verifier !== null) return verifier.name
  const checkpoint = note === null ? null : parseCheckpoint(note)
  if (checkpoint !== null) return checkpoint.origin
  const [first] = segments
  if (first === undefined) return null
  for await (const piece of readSegment(directory, first)) return piece.type === 'header' ? piece.header.log : null
  return null
}

/** A record's sealed part must be sealed by a key of its tenant and month, and hold what the digests in its leaf say. */
function disclosureCheck(
  keys: DisclosureKeys | null,
  count: { opened: number; erased: number },
): (placed: PlacedEntry, segment: string) => Damage | null {
  return ({ entry: { leaf, sealed }, line, byte }, segment) => {
    if (sealed === null) return null
    const wrong = (message: string): Damage =>
      damageAt('disclosure', { segment, line, byte }, message, { seq: leaf.seq, field: 'd' })
    const month = leaf.t.slice(0, 7)
    if (!sealed.k.startsWith(keyPrefix(leaf.tenant, month))) return wrong('the key is not one of the tenant and month')
    if (keys === null) return null
    const context = sealContext(leaf.log, leaf.seq, leaf.id)
    const key = keys.opening(sealed.k)
    if (key === null) {
      // The leaf binds key id and ciphertext, so this is the part that was written; what it says is nobody's any more.
      count.erased++
      return null
    }
    count.opened++
    const digests = unseal(key, context, sealed.x)?.map(disclosureDigest).sort() ?? []
    return digests.join() === leaf._sd?.join() ? null : wrong('the sealed part is not the one of this leaf')
  }
}
