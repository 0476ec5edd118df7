import type { AuditRecord } from '../core/record.ts'
import type { Damage } from './damage.ts'
import { type Disclosure, readDisclosure, sealContext, unseal } from './disclosure.ts'
import type { ContentKeys } from './keys.ts'
import { parseCheckpoint, type Verifier } from './note.ts'
import { readCheckpointNote, readEntries } from './reader.ts'
import type { Entry } from './segment.ts'
import { type Hash, inclusionProof, rootFromProof } from './tree.ts'

/** That a record stands in the signed tree. `path` leads from the leaf to the root, nearest first (RFC 6962 2.1.1). */
export type Proof = Readonly<{
  index: number
  leafHash: Hash
  size: number
  root: Hash
  path: readonly Hash[]
  /** Whether the path leads to the checkpoint's root; whether the checkpoint is signed by the key (null: there was no key). */
  holds: boolean
  signed: boolean | null
  /** The same as a C2SP tlog-proof, for other tools. */
  tlogProof: string
}>

/** A record of a call, with what may be shown of it. `disclosed` is null if it was not asked for, or its key is gone. */
export type TrailStep = Readonly<{
  record: AuditRecord
  leaf: string
  disclosed: readonly Disclosure[] | null
  proof: Proof | null
}>

export type TrailOptions = Readonly<{
  contentKeys: Pick<ContentKeys, 'opening'> | null
  verifier: Verifier | null
  onDamage: (damage: Damage) => never
}>

/**
 * All records of a call, or the one of a sequence number and those of its call; empty if there is none. Each comes with its proof
 * against the newest checkpoint, null if that is older than the record.
 */
export async function readTrail(
  directory: string,
  wanted: string | number,
  options: TrailOptions,
): Promise<TrailStep[]> {
  const note = readCheckpointNote(directory)
  const call = typeof wanted === 'string' ? wanted : await callOf(directory, wanted, options)
  const hashes: Hash[] = []
  const found: Entry[] = []
  for await (const entry of readEntries(directory, { onDamage: options.onDamage })) {
    hashes.push(entry.hash)
    if (entry.leaf.seq === wanted || (call !== null && entry.leaf.call === call)) found.push(entry)
  }
  return found.map((entry) => ({
    record: entry.leaf,
    leaf: entry.text,
    disclosed: options.contentKeys === null ? null : disclose(entry, options.contentKeys),
    proof: note === null ? null : prove(entry, hashes, note, options.verifier),
  }))
}

async function callOf(directory: string, seq: number, options: TrailOptions): Promise<string | null> {
  for await (const entry of readEntries(directory, { from: seq, onDamage: options.onDamage }))
    return entry.leaf.seq === seq ? entry.leaf.call : null
  return null
}

function disclose({ leaf, sealed }: Entry, keys: Pick<ContentKeys, 'opening'>): readonly Disclosure[] | null {
  const key = sealed === null ? null : keys.opening(sealed.k)
  if (sealed === null || key === null) return null
  const disclosures = unseal(key, sealContext(leaf.log, leaf.seq, leaf.id), sealed.x)
  return disclosures?.map(readDisclosure).filter((disclosure) => disclosure !== null) ?? null
}

function prove({ hash, leaf }: Entry, hashes: readonly Hash[], note: string, verifier: Verifier | null): Proof | null {
  const checkpoint = parseCheckpoint(note)
  if (checkpoint === null || leaf.seq >= checkpoint.size || checkpoint.size > hashes.length) return null
  const path = inclusionProof(hashes.slice(0, checkpoint.size), leaf.seq)
  const lines = path.map((sibling) => `${Buffer.from(sibling, 'base64url').toString('base64')}\n`).join('')
  return {
    index: leaf.seq,
    leafHash: hash,
    size: checkpoint.size,
    root: checkpoint.root,
    path,
    holds: rootFromProof(leaf.seq, checkpoint.size, hash, path) === checkpoint.root,
    signed: verifier === null ? null : verifier.open(note) !== null,
    tlogProof: `c2sp.org/tlog-proof@v1\nindex ${leaf.seq}\n${lines}\n${note}`,
  }
}
