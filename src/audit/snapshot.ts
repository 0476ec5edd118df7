import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { canonical } from '../core/canonical.ts'
import { Chronicle, type ChronicleState } from './chronicle.ts'
import { readText } from './files.ts'
import type { Signer, Verifier } from './note.ts'
import { type Header, isHash } from './segment.ts'

/**
 * The chronicle at the beginning of the newest segment, so that a start reads one segment and not the whole history. It is a cache:
 * a signed note (roots alone do not cover tenants' counters and open intents), and whatever does not fit is not used.
 */
export const SNAPSHOT_FILE = 'snapshot'

export function snapshotNote(state: ChronicleState, signer: Signer): string {
  return signer.sign(`${canonical(state)}\n`)
}

/** The chronicle at the beginning of a segment, or null if there is no snapshot that fits and is signed. */
export function readSnapshot(directory: string, verifier: Verifier, header: Header): Chronicle | null {
  const file = join(directory, SNAPSHOT_FILE)
  if (!existsSync(file)) return null
  const text = verifier.open(readText(file))
  if (text === null) return null
  const state: unknown = JSON.parse(text)
  if (!isState(state) || state.log !== header.log || state.size !== header.first) return null
  const chronicle = new Chronicle(state.log, state)
  return chronicle.tree.root() === header.root ? chronicle : null
}

function isState(value: unknown): value is ChronicleState {
  if (typeof value !== 'object' || value === null) return false
  const state = new Map<string, unknown>(Object.entries(value))
  const roots = state.get('roots')
  return (
    Object.keys(value).join() === 'epoch,log,open,roots,size,tenants' &&
    typeof state.get('log') === 'string' &&
    Number.isSafeInteger(state.get('size')) &&
    Number.isSafeInteger(state.get('epoch')) &&
    Array.isArray(roots) &&
    roots.every(isHash) &&
    Array.isArray(state.get('open')) &&
    typeof state.get('tenants') === 'object'
  )
}
