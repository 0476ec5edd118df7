import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import {
  type Damage,
  describeDamage,
  type Entry,
  type LedgerOptions,
  type Opened,
  openContentKeys,
  openLedger,
  publishedVerifierKey,
  readEntries,
  readKeptNote,
  type Verification,
  type VerifyOptions,
  verifyLedger,
} from '../../src/audit/index.ts'
import type { AuditDraft, Ledger, Receipt } from '../../src/core/record.ts'

/** Folders of one ledger, removed after the test. */
export type Place = Readonly<{ state: string; keys: string; directory: string }>
export const LOG = 'bank.example/n1'

export function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'customhouse-ledger-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return placeIn(root)
}

/** The same for all tests of a file: call it in `beforeAll`, close what is opened there. */
export function makeSharedPlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'customhouse-ledger-'))
  shared.push(root)
  return placeIn(root)
}

const shared: string[] = []
afterAll(() => {
  for (const root of shared) rmSync(root, { recursive: true, force: true })
})

export function placeIn(root: string): Place {
  return { state: join(root, 'state'), keys: join(root, 'keys'), directory: join(root, 'state', 'ledger') }
}

export async function openAt(place: Place, options: Partial<LedgerOptions> = {}): Promise<Opened> {
  const opened = await openLedger({ state: place.state, keys: place.keys, log: LOG, ...options })
  onTestFinished(() => opened.ledger.close())
  return opened
}

export const callId = (n: number): string => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}`

export function intent(n: number, tenant = 'claims'): AuditDraft {
  return {
    kind: 'call.intent',
    tenant,
    call: callId(n),
    body: { attempt: 1, model: 'auto', target: { id: 'eu/gpt', model: 'gpt', provider: 'eu' } },
    personal: { subject: `person-${n}@bank.example`, task: `case ${n}` },
  }
}

export function outcome(n: number, of: number, tenant = 'claims'): AuditDraft {
  return { kind: 'call.outcome', tenant, call: callId(n), of, body: { ending: 'complete', status: 200 } }
}

export function denied(n: number, tenant = 'claims'): AuditDraft {
  return {
    kind: 'call.denied',
    tenant,
    call: callId(n),
    body: { reasons: [{ rule: 'residency/processing', message: 'text "v":1},"d":{"k":" é\u{1f600}' }], status: 403 },
  }
}

/** A call, from its intent to its outcome. */
export async function oneCall(ledger: Ledger, n: number, tenant = 'claims'): Promise<readonly [Receipt, Receipt]> {
  const begun = await ledger.append(intent(n, tenant))
  return [begun, await ledger.append(outcome(n, begun.seq, tenant))]
}

export function throwDamage(damage: Damage): never {
  throw new Error(describeDamage(damage))
}

export async function allEntries(place: Place): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of readEntries(place.directory, { onDamage: throwDamage })) entries.push(entry)
  return entries
}

/** Verifies with everything that the keys folder gives. */
export function verifyAt(
  place: Place,
  options: Pick<VerifyOptions, 'allowErased' | 'checkpoints'> = {},
  withContentKeys = true,
): Promise<Verification> {
  const key = publishedVerifierKey(place.keys)
  const kept = readKeptNote(place.keys)
  return verifyLedger(place.directory, {
    ...(key === null ? {} : { publicKey: key }),
    ...(kept === null ? {} : { kept }),
    ...(withContentKeys ? { contentKeys: openContentKeys(place.keys, { make: false }) } : {}),
    ...options,
  })
}

export function segmentsOf(place: Place): string[] {
  return readdirSync(place.directory)
    .filter((name) => name.endsWith('.seg'))
    .sort()
}

export function newestSegment(place: Place): string {
  return join(place.directory, segmentsOf(place).at(-1) ?? '')
}

/** All bytes of the log and of what stands beside it. */
export function everythingWritten(place: Place): string {
  return readdirSync(place.directory)
    .map((name) => readFileSync(join(place.directory, name), 'utf8'))
    .join('\n')
}
