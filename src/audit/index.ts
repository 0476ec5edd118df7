/** The public face of the ledger: opening it for writing, reading it, proving it. */

export { COMMIT_MAX_BYTES, COMMIT_MAX_RECORDS, type Committed, GATEWAY_TENANT } from './bounds.ts'
export { type Damage, type DamageKind, describeDamage } from './damage.ts'
export { type Disclosure, disclosureDigest, readDisclosure, type Sealed, sealContext, unseal } from './disclosure.ts'
export { type Clock, DISCLOSURES_MAX_BYTES, SYSTEM_CLOCK } from './entry.ts'
export { KEPT_HEAD_FILE, readKeptNote } from './head.ts'
export {
  CONTENT_KEYS,
  type ContentKeys,
  openContentKeys,
  publishedVerifierKey,
  SIGNING_KEY_FILE,
  VERIFIER_KEY_FILE,
} from './keys.ts'
export { RECORD_KINDS } from './leaf.ts'
export { type Checkpoint, checkpointText, makeVerifier, parseCheckpoint, type Verifier } from './note.ts'
export {
  type LedgerOptions,
  type Opened,
  openLedger,
  openLedgerWhenRoom,
  type Recovered,
  SEGMENT_MAX_BYTES,
  type Wait,
} from './open.ts'
export { listSegments, readCheckpointNote, readEntries } from './reader.ts'
export type { Torn } from './recovery.ts'
export { REASON_MAX, type Restored, restoreLedger } from './restore.ts'
export { bodyField, effectOf, type Filter, searchEntries } from './search.ts'
export { CHECKPOINT_FILE, type Entry, LEDGER_FOLDER, SEGMENT_VERSION } from './segment.ts'
export type { LedgerStats } from './stats.ts'
export { type Proof, readTrail, type TrailOptions, type TrailStep } from './trail.ts'
export { EMPTY_ROOT, Frontier, type Hash, inclusionProof, leafHash, nodeHash, rootFromProof } from './tree.ts'
export { type Check, type RestoredRecord, type Verification, type VerifyOptions, verifyLedger } from './verify.ts'
export { readStateVersion } from './version.ts'
