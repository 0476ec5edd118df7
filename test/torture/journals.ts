import { join } from 'node:path'
import {
  openContentKeys,
  publishedVerifierKey,
  readDisclosure,
  readEntries,
  sealContext,
  unseal,
  verifyLedger,
} from '../../src/audit/index.ts'
import { type AuditRecord, CLOSING_KINDS } from '../../src/core/record.ts'
import type { Ground } from '../house.ts'
import type { Told } from './load.ts'

/** One record, and of an intent the digest of what was dispatched. */
export type Entered = Readonly<{ record: AuditRecord; dispatch: string | null }>

/** The records of a ledger that nobody writes to, in order; a damaged one throws. */
export async function* entered(ground: Pick<Ground, 'folder' | 'state'>): AsyncGenerator<Entered> {
  const content = openContentKeys(join(ground.folder, 'keys'), { make: false })
  const onDamage = (damage: { message: string }): never => {
    throw new Error(damage.message)
  }
  for await (const { leaf, sealed } of readEntries(join(ground.state, 'ledger'), { onDamage })) {
    if (leaf.kind !== 'call.intent' || sealed === null) {
      yield { record: leaf, dispatch: null }
      continue
    }
    const key = content.opening(sealed.k)
    const opened = key === null ? [] : (unseal(key, sealContext(leaf.log, leaf.seq, leaf.id), sealed.x) ?? [])
    const told = opened.map(readDisclosure).find((one) => one?.name === 'dispatch')
    yield { record: leaf, dispatch: told === undefined || told === null ? null : String(told.value) }
  }
}

/** What `audit verify` says of it. */
export async function statusOf(ground: Pick<Ground, 'folder'>, ledger: string): Promise<string> {
  const publicKey = publishedVerifierKey(join(ground.folder, 'keys'))
  const { status, damage } = await verifyLedger(ledger, publicKey === null ? {} : { publicKey })
  return damage === null ? status : `${status}: ${damage.message}`
}

/** A ledger, told by its calls. */
export type Books = Readonly<{
  status: string
  kinds: ReadonlyMap<string, number>
  /** How often each dispatch was put on record. */
  dispatched: ReadonlyMap<string, number>
  intents: ReadonlySet<string>
  denied: ReadonlySet<string>
  /** Calls with an outcome `complete`. */
  complete: ReadonlySet<string>
  /** Calls with an intent that recovery closed. */
  abandoned: ReadonlySet<string>
  /** Sequence numbers of intents that have not exactly one closing record. */
  unpaired: readonly number[]
}>

export async function readBooks(ground: Pick<Ground, 'folder' | 'state'>): Promise<Books> {
  const kinds = new Map<string, number>()
  const dispatched = new Map<string, number>()
  const calls = {
    intents: new Set<string>(),
    denied: new Set<string>(),
    complete: new Set<string>(),
    abandoned: new Set<string>(),
  }
  const closings = new Map<number, number>()
  for await (const { record, dispatch } of entered(ground)) {
    const { kind, call, of, seq, body } = record
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (of !== undefined && CLOSING_KINDS.includes(kind)) closings.set(of, (closings.get(of) ?? 0) + 1)
    if (kind === 'call.intent') closings.set(seq, closings.get(seq) ?? 0)
    if (dispatch !== null) dispatched.set(dispatch, (dispatched.get(dispatch) ?? 0) + 1)
    if (call === null) continue
    if (kind === 'call.intent') calls.intents.add(call)
    else if (kind === 'call.denied') calls.denied.add(call)
    else if (kind === 'call.abandoned') calls.abandoned.add(call)
    else if (kind === 'call.outcome' && body.ending === 'complete') calls.complete.add(call)
  }
  const unpaired = [...closings].filter(([, count]) => count !== 1).map(([seq]) => seq)
  return { status: await statusOf(ground, join(ground.state, 'ledger')), kinds, dispatched, ...calls, unpaired }
}

/**
 * Holds three journals against each other: what clients saw, what arrived at the provider, and the ledger after the next start has closed
 * what was open. Returns what one of them knows and the ledger does not.
 */
export function disagreements(
  told: readonly Told[],
  arrived: ReadonlyMap<string, number>,
  books: Books,
): readonly string[] {
  const faults: string[] = []
  if (books.status !== 'verified') faults.push(`the ledger is ${books.status}`)
  for (const seq of books.unpaired) faults.push(`intent ${seq} is not closed exactly once`)
  for (const [digest, count] of arrived)
    if (count > (books.dispatched.get(digest) ?? 0))
      faults.push(`${count} times at the provider, not on record: ${digest}`)
  for (const { turn, door, streamed, call, status, finished } of told) {
    const fault = (what: string): void => {
      faults.push(`${what}: ${status} of ${door.title}, ${streamed ? 'streamed' : 'whole'}, ${turn}, call ${call}`)
    }
    if (status === null) continue
    if (call === null) {
      fault('a call without an id')
      continue
    }
    if (status === 403 && !books.denied.has(call)) fault('a denial that is not on record')
    if (status === 403 && books.intents.has(call)) fault('a denial with an intent')
    if (status === 200 && !books.intents.has(call)) fault('an answer without an intent')
    if (finished && !books.complete.has(call)) fault('finished, and no outcome says complete')
    if (status !== 200 && status !== 403 && status !== 503 && !books.intents.has(call))
      fault('an error without an attempt')
    if (status !== 200 && status !== 403 && status !== 503 && books.abandoned.has(call))
      fault('an error that was told before it was on record')
    if (!EXPECTED[turn].includes(status) && status !== 503) fault('a status that is none of its own')
  }
  return faults
}

const EXPECTED: Readonly<Record<Told['turn'], readonly number[]>> = {
  fine: [200],
  long: [200],
  leaves: [200],
  denied: [403],
  fails: [500, 502],
  busy: [429],
  cut: [200, 502],
}
