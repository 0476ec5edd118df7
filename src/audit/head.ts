import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Chronicle } from './chronicle.ts'
import { type Damage, damageAt } from './damage.ts'
import { readText } from './files.ts'
import { parseCheckpoint, type Verifier } from './note.ts'
import { openCheckpoint } from './replay.ts'
import type { Hash } from './tree.ts'

/**
 * The newest signed head, once more, in the keys folder: a state that is brought back from a backup, or emptied, is older than its keys
 * know. The same C2SP note as `checkpoint`, written after it.
 */
export const KEPT_HEAD_FILE = 'ledger.head'

/** A tree head. */
export type Head = Readonly<{ size: number; root: Hash }>

/** The note of the head that the keys folder holds, or null. */
export function readKeptNote(keys: string): string | null {
  const file = join(keys, KEPT_HEAD_FILE)
  return statSync(file, { throwIfNoEntry: false }) === undefined ? null : readText(file)
}

/** Opens the note that the keys folder holds. Null where there is none, or one of another log: that says nothing of this one. */
export function openKept(note: string | null, log: string, verifier: Verifier | null): Head | Damage | null {
  if (note === null) return null
  const checkpoint = parseCheckpoint(note)
  if (checkpoint !== null && checkpoint.origin !== log) return null
  return openCheckpoint(note, log, verifier)
}

/** Compares a log that grows with a head that somebody else holds. What it finds does not end the reading. */
export class HeldHead {
  readonly head: Head
  #parted = false

  constructor(head: Head, chronicle: Chronicle) {
    this.head = head
    this.grown(chronicle)
  }

  grown({ tree }: Chronicle): void {
    if (tree.size === this.head.size && tree.root() !== this.head.root) this.#parted = true
  }

  /** Why the log does not extend the head; null if it does. `who` holds it. */
  breach({ tree }: Chronicle, who: string): Damage | null {
    const { size } = this.head
    if (size > tree.size)
      return damageAt('rolled-back', null, `${who} knows of ${size} signed records, ${tree.size} are there`, {
        seq: tree.size,
      })
    return this.#parted
      ? damageAt('checkpoint', null, `the first ${size} leaves do not give the root that ${who} knows to be signed`)
      : null
  }
}
