import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../core/json.ts'
import type { AuditRecord } from '../core/record.ts'
import { Chronicle } from './chronicle.ts'
import { type Damage, damageAt } from './damage.ts'
import { disclosureDigest, sealContext, unseal } from './disclosure.ts'
import { type Head, HeldHead, openKept } from './head.ts'
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
  /** The note of the head that the keys folder holds (`ledger.head`), read before the call: the log must extend it, unless it is another log's. */
  kept?: string
  /** Notes of checkpoints that somebody else holds, and who: the log must extend each. One of another log, or not signed by the key, proves nothing and makes the result `incomplete`. */
  checkpoints?: readonly Readonly<{ holder: string; note: string }>[]
  /** Hears, now and then, how many bytes of how many were read. */
  progress?: (bytes: number, of: number) => void
}>

/** That an operator accepted a log with records missing (`ledger.restored`). */
export type RestoredRecord = Readonly<{ seq: number; t: string; found: Json; signed: Json; reason: Json }>

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
  /** Every time that somebody accepted that records are missing. A head from before it is not extended, and that is told as damage all the same. */
  restored: readonly RestoredRecord[]
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
  const restored: RestoredRecord[] = []
  const claims = claimsOf(options, log, verifier)
  const held = claims.heads.map(({ holder, head: claimed }) => ({ holder, head: new HeldHead(claimed, chronicle) }))
  const signed = head === null || 'kind' in head ? null : keeps(head)
  const sealedParts = disclosureCheck(options.contentKeys ?? null, opened)
  let bytes = 0
  const listener = {
    read: (more: number) => {
      bytes += more
      options.progress?.(bytes, total)
    },
    grown: (grownBy: Chronicle): Damage | null => {
      for (const one of held) one.head.grown(grownBy)
      return signed?.(grownBy) ?? null
    },
    entry: (placed: PlacedEntry, segment: string): Damage | null => {
      const { leaf } = placed.entry
      if (leaf.kind === 'ledger.restored') restored.push(restoredRecord(leaf))
      return sealedParts(placed, segment)
    },
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
  damage ??= claims.damage
  for (const { holder, head: claimed } of held) damage ??= unextended(claimed, holder, chronicle, restored)
  const missing = [
    ...claims.unproved,
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
    restored,
    damage,
    missing,
  }
}

const KEYS_FOLDER = 'the keys folder'

type Claims = Readonly<{
  heads: readonly Readonly<{ holder: string; head: Head }>[]
  damage: Damage | null
  unproved: readonly string[]
}>

/**
 * The heads that the log has to extend. The keys folder is ours: what stands there and is no signed head was altered. Without a verifier
 * none is compared: what nobody signed proves nothing, and anybody can have typed it.
 */
function claimsOf(options: VerifyOptions, log: string | null, verifier: Verifier | null): Claims {
  const heads: { holder: string; head: Head }[] = []
  const unproved: string[] = []
  const keyless = (holder: string): string => `${holder} is not compared: no verifier key says who signed it`
  const known = verifier === null || log === null ? null : openKept(options.kept ?? null, log, verifier)
  if (known !== null && !('kind' in known)) heads.push({ holder: KEYS_FOLDER, head: known })
  if (verifier === null && options.kept !== undefined) unproved.push(keyless(`what ${KEYS_FOLDER} holds`))
  for (const { holder, note } of options.checkpoints ?? []) {
    const head = verifier === null ? null : openCheckpoint(note, log ?? '', verifier)
    if (head === null) unproved.push(keyless(holder))
    else if ('kind' in head) unproved.push(`${holder} is not compared: ${head.message}`)
    else heads.push({ holder, head })
  }
  return { heads, damage: known !== null && 'kind' in known ? known : null, unproved }
}

/** Damage of a log that does not extend a head, with the record that explains it, if there is one. */
function unextended(
  held: HeldHead,
  holder: string,
  chronicle: Chronicle,
  restored: readonly RestoredRecord[],
): Damage | null {
  const damage = held.breach(chronicle, holder)
  if (damage === null) return null
  const why = restored.find(({ signed }) => held.head.size <= sizeOf(signed))
  if (why === undefined) return damage
  return {
    ...damage,
    message: `${damage.message}; ledger.restored at seq ${why.seq} says why: ${JSON.stringify(why.reason)}`,
  }
}

function restoredRecord({ seq, t, body }: AuditRecord): RestoredRecord {
  return { seq, t, found: body.found ?? null, signed: body.signed ?? null, reason: body.reason ?? null }
}

function sizeOf(head: Json): number {
  return typeof head === 'object' && head !== null && 'size' in head && typeof head.size === 'number' ? head.size : -1
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
