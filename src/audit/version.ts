import { statSync } from 'node:fs'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { readText, writeAtomically } from './files.ts'
import { KEPT_HEAD_FILE, readKeptNote } from './head.ts'
import type { Verifier } from './note.ts'
import { listSegments, readCheckpointNote } from './reader.ts'
import { openCheckpoint } from './replay.ts'

/** Version of the state's format that this program writes. */
export const STATE_VERSION = 3
/** `{"version":n}` in the state folder. States of version 1 have none. */
export const VERSION_FILE = 'version'

export type Upgraded = Readonly<{ from: number; to: number }>
/** A ledger's folders, and what is known of it. The lock is held. */
type Site = Readonly<{ state: string; keys: string; directory: string; log: string; verifier: Verifier }>

/**
 * What brings a state from one version to the next, in order. Each can be done twice, may be killed at any point, and leaves what the
 * version before it still reads: the version is written when all are done and `ledger.opened`, which names them, is durable.
 */
const STEPS: readonly ((site: Site) => void)[] = [
  // 1 -> 2: the keys folder keeps the newest signed head. One that it has already knows better.
  ({ keys, directory, log, verifier }) => {
    const note = readCheckpointNote(directory)
    if (note === null || readKeptNote(keys) !== null || 'kind' in openCheckpoint(note, log, verifier)) return
    writeAtomically(keys, KEPT_HEAD_FILE, note, 0o644)
  },
  // 2 -> 3: the kinds `call.displaced` and `identity.revoked`. To a program that does not know a kind its record is damage: none that is older may read on.
  () => undefined,
]

/** The version of a state that has a ledger; {@link STATE_VERSION} where there is nothing yet. Throws ERR_STATE_VERSION if it is not ours to read. Changes nothing. */
export function readStateVersion(state: string, directory: string): number {
  const file = join(state, VERSION_FILE)
  if (statSync(file, { throwIfNoEntry: false }) === undefined)
    return listSegments(directory).length > 0 || readCheckpointNote(directory) !== null ? 1 : STATE_VERSION
  const version = parse(readText(file))
  if (version === null)
    throw new CustomhouseError(
      'ERR_STATE_VERSION',
      `${file} does not say a version. Nothing was touched: bring the file back, {"version":${STATE_VERSION}} if this program wrote the state.`,
    )
  if (version > STATE_VERSION)
    throw new CustomhouseError(
      'ERR_STATE_VERSION',
      `${state} has version ${version} and this program knows versions up to ${STATE_VERSION}. Nothing was touched: run the newer program, or restore the backup from before the upgrade.`,
      { detail: { version, known: STATE_VERSION } },
    )
  return version
}

function parse(text: string): number | null {
  const found = /^\s*\{\s*"version"\s*:\s*([1-9]\d{0,8})\s*\}\s*$/.exec(text)
  return found === null ? null : Number(found[1])
}

/** Brings a state to our version, but for saying so ({@link writeStateVersion}). Null if there was nothing to do. */
export function upgrade(site: Site): Upgraded | null {
  const from = readStateVersion(site.state, site.directory)
  if (from === STATE_VERSION) return null
  for (const step of STEPS.slice(from - 1)) step(site)
  return { from, to: STATE_VERSION }
}

/** Says that a state is of our version. */
export function writeStateVersion(state: string): void {
  if (statSync(join(state, VERSION_FILE), { throwIfNoEntry: false }) !== undefined) {
    if (parse(readText(join(state, VERSION_FILE))) === STATE_VERSION) return
  }
  writeAtomically(state, VERSION_FILE, `${JSON.stringify({ version: STATE_VERSION })}\n`, 0o644)
}
