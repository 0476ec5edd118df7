import {
  makeVerifier,
  parseCheckpoint,
  publishedVerifierKey,
  type Restored,
  readEntries,
  readKeptNote,
  restoreLedger,
} from '../../audit/index.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { EXIT } from './exit.ts'
import type { Place, Where } from './place.ts'

export type RestoreOptions = Where & Readonly<{ reason: string; json?: boolean }>

/** `customhouse audit restore`: opens a log that the keys folder knows to be incomplete, puts that on record, and closes it. */
export async function restore(options: RestoreOptions, place: Place): Promise<number> {
  const log = logOf(place)
  const restored = await restoreLedger({ state: place.state, keys: place.keys, log }, options.reason)
  const { recovered, lost } = restored
  const last = await timeOf(place, lost.found.size - 1)
  const report = {
    log,
    found: lost.found,
    signed: lost.signed,
    kind: lost.damage.kind,
    // Of another branch nobody can tell which records are the same.
    lost: lost.signed === null || lost.damage.kind !== 'rolled-back' ? null : lost.signed.size - lost.found.size,
    last,
    seq: recovered.size - 1,
    epoch: recovered.epoch,
  }
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : restoredText(log, restored, last))
  return EXIT.fine
}

/** The head in the keys folder is what the log does not extend: it names the log. */
function logOf(place: Place): string {
  const note = readKeptNote(place.keys)
  const key = publishedVerifierKey(place.keys)
  const name = (note === null ? null : parseCheckpoint(note)?.origin) ?? (key === null ? null : makeVerifier(key).name)
  if (name !== null) return name
  throw new CustomhouseError(
    'ERR_CLI_USAGE',
    `There is neither a head nor a verifier key in ${place.keys}: nothing says that records are missing. Name the keys folder with --keys.`,
  )
}

async function timeOf(place: Place, seq: number): Promise<string | null> {
  if (seq < 0) return null
  const onDamage = (): never => {
    throw new CustomhouseError('ERR_LEDGER_CORRUPT', `The ledger in ${place.ledger} is damaged.`)
  }
  for await (const { leaf } of readEntries(place.ledger, { from: seq, onDamage })) return leaf.t
  return null
}

function restoredText(
  log: string,
  { recovered, lost: { found, signed, damage } }: Restored,
  last: string | null,
): string {
  const what =
    signed === null
      ? `not known: the keys folder holds no signed head (${damage.message})`
      : damage.kind === 'rolled-back'
        ? `${signed.size - found.size} records, from seq ${found.size}`
        : `not known: the first ${signed.size} records are not the ones that were signed`
  return `${[
    `RESTORED  ${log}`,
    `  found        ${found.size} records, root ${found.root}`,
    `  signed       ${signed === null ? '-' : `${signed.size} records, root ${signed.root}`}`,
    `  lost         ${what}`,
    `  goes on      after ${last ?? 'nothing: it is empty'}`,
    `  recorded     ledger.restored at seq ${recovered.size - 1}, epoch ${recovered.epoch}`,
  ].join('\n')}\n`
}
