import { makeVerifier, parseCheckpoint, publishedVerifierKey, readCheckpointNote } from '../../audit/index.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { EXIT } from './exit.ts'
import { notThere, type Place, type Where } from './place.ts'

export type CheckpointOptions = Where & Readonly<{ json?: boolean; publicKey?: string }>

/** `customhouse audit checkpoint`: the note as it stands in the state, for a witness. One that is not signed by the key is not given away. */
export async function checkpoint(options: CheckpointOptions, place: Place): Promise<number> {
  const note = readCheckpointNote(place.ledger)
  if (note === null) throw new CustomhouseError('ERR_CLI_USAGE', notThere(place))
  const key = options.publicKey ?? publishedVerifierKey(place.keys)
  const head = parseCheckpoint(note)
  if (head === null || (key !== null && makeVerifier(key).open(note) === null))
    throw new CustomhouseError('ERR_LEDGER_CORRUPT', `The checkpoint in ${place.ledger} is not signed by the key.`)
  const signed = key === null ? null : true
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ log: head.origin, size: head.size, root: head.root, signed, note }, null, 2)}\n`
      : note,
  )
  if (key === null) process.stderr.write(`There is no verifier key in ${place.keys}: the signature was not checked.\n`)
  return EXIT.fine
}
