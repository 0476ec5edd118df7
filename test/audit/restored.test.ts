import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLedger, restoreLedger, verifyLedger } from '../../src/audit/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf } from './forge.ts'
import {
  allEntries,
  intent,
  LOG,
  makePlace,
  makeSharedPlace,
  oneCall,
  openAt,
  type Place,
  segmentsOf,
  verifyAt,
} from './kit.ts'

/** One log on three days: its state as it was backed up, and both its folders as they are. */
let backup: Place
let present: Place
/** A head of each day, as an auditor would hold it. */
let older: string
let newer: string
const REASON = 'the volume was lost; backup of 2 November'

const checkpointOf = (place: Place): string => readFileSync(join(place.directory, 'checkpoint'), 'utf8')
const headOf = (place: Place): string => readFileSync(join(place.keys, 'ledger.head'), 'utf8')
const accept = (place: Place, reason = REASON) =>
  restoreLedger({ state: place.state, keys: place.keys, log: LOG }, reason)

beforeAll(async () => {
  present = makeSharedPlace()
  backup = makeSharedPlace()
  const open = () => openLedger({ state: present.state, keys: present.keys, log: LOG, maxSegmentBytes: 6_000 })
  const first = await open()
  for (let n = 0; n < 4; n++) await oneCall(first.ledger, n)
  await first.ledger.append(intent(99))
  await first.ledger.close()
  cpSync(present.state, backup.state, { recursive: true })
  older = checkpointOf(present)
  const second = await open()
  for (let n = 10; n < 24; n++) await oneCall(second.ledger, n)
  await second.ledger.close()
  newer = checkpointOf(present)
  expect(segmentsOf(present).length).toBeGreaterThan(segmentsOf(backup).length)
})

/** The state of the backup with the keys of today. */
function broughtBack(): Place {
  const place = copyOf(present)
  rmSync(place.state, { recursive: true })
  cpSync(backup.state, place.state, { recursive: true })
  return place
}

/** The backup, gone on from under the keys of that day: another branch of the log. */
async function forked(calls: number): Promise<Place> {
  const place = broughtBack()
  rmSync(join(place.keys, 'ledger.head'))
  const { ledger } = await openAt(place)
  for (let n = 50; n < 50 + calls; n++) await oneCall(ledger, n)
  await ledger.close()
  writeFileSync(join(place.keys, 'ledger.head'), newer)
  return place
}

const cases: readonly [string, 'rolled-back' | 'checkpoint', () => Place | Promise<Place>][] = [
  ['an older state under the same keys', 'rolled-back', broughtBack],
  [
    'a ledger folder that is emptied',
    'rolled-back',
    () => {
      const place = copyOf(present)
      rmSync(place.directory, { recursive: true })
      mkdirSync(place.directory)
      return place
    },
  ],
  [
    'a state that is emptied',
    'rolled-back',
    () => {
      const place = copyOf(present)
      rmSync(place.state, { recursive: true })
      return place
    },
  ],
  ['another branch, shorter', 'rolled-back', () => forked(2)],
  ['another branch, longer', 'checkpoint', () => forked(30)],
]

describe.each(cases)('%s', (_, kind, make) => {
  test('is not opened, and the message says what to do', async () => {
    const place = await make()
    const left = existsSync(place.directory)
      ? segmentsOf(place).map((name) => readFileSync(join(place.directory, name)))
      : []
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT') && refused.detail.kind).toBe(kind)
    expect(String(refused)).toContain('customhouse audit restore --reason')
    expect(segmentsOf(place).map((name) => readFileSync(join(place.directory, name)))).toEqual(left)
    expect(headOf(place)).toBe(newer)
  })

  test('is tampered to the verifier, which reads all of it first', async () => {
    const place = await make()
    const { status, damage, size } = await verifyAt(place)
    expect({ status, kind: damage?.kind }).toEqual({ status: 'tampered', kind })
    expect(damage?.message).toContain('the keys folder knows')
    expect(size).toBe(existsSync(place.directory) ? (await allEntries(place)).length : 0)
  })

  test('an operator can accept it: on record with both heads, then the log goes on and verifies', async () => {
    const place = await make()
    const before = await verifyAt(place)
    const { lost, recovered } = await accept(place)
    const signed = { size: Number(newer.split('\n')[1]), root: lost.signed?.root }
    expect(lost).toMatchObject({ found: { size: before.size }, signed, damage: { kind } })
    const record = (await allEntries(place)).find(({ leaf }) => leaf.kind === 'ledger.restored')?.leaf
    expect(record).toMatchObject({
      seq: recovered.size - 1,
      epoch: recovered.epoch,
      tenant: '_gateway',
      body: { found: lost.found, signed: lost.signed, reason: REASON },
    })
    expect(headOf(place)).toBe(checkpointOf(place))
    await (await openAt(place)).ledger.close()
    expect(await verifyAt(place)).toMatchObject({
      status: 'verified',
      openIntents: 0,
      restored: [{ seq: record?.seq, reason: REASON, signed: lost.signed }],
    })
    // What an auditor holds is not forgotten for that.
    const held = await verifyAt(place, { checkpoints: [{ holder: 'auditor.note', note: newer }] })
    expect(held).toMatchObject({
      status: 'tampered',
      damage: { kind: expect.stringMatching(/^(rolled-back|checkpoint)$/) },
    })
    expect(held.damage?.message).toContain(`ledger.restored at seq ${record?.seq} says why: "${REASON}"`)
  })
})

describe('a head that somebody else holds', () => {
  const verify = (place: Place, ...notes: string[]) =>
    verifyAt(place, { checkpoints: notes.map((note, i) => ({ holder: `note ${i}`, note })) })

  test('of an earlier day, and of today: the log extends both', async () => {
    expect(await verify(copyOf(present), older, newer)).toMatchObject({
      status: 'verified',
      damage: null,
      restored: [],
    })
  })

  test('is compared also where the keys folder knows nothing', async () => {
    const place = broughtBack()
    rmSync(join(place.keys, 'ledger.head'))
    expect(await verify(place)).toMatchObject({ status: 'verified' })
    const { status, damage } = await verify(place, older, newer)
    expect({ status, kind: damage?.kind, message: damage?.message }).toEqual({
      status: 'tampered',
      kind: 'rolled-back',
      message: expect.stringContaining('note 1 knows of'),
    })
    expect(damage?.message).not.toContain('ledger.restored')
  })

  test.each<[string, (note: string) => string, string]>([
    ['of another log', (note) => note.replace(LOG, 'other/n2'), 'the checkpoint'],
    ['that is not signed by the key', (note) => note.replace(/\n\d+\n/, '\n3\n'), 'not signed by the key'],
    ['that is none', () => 'x', 'not signed by the key'],
  ])('%s proves nothing: incomplete, not tampered, not verified', async (_, spoil, why) => {
    const { status, damage, missing } = await verify(copyOf(present), spoil(newer))
    expect({ status, damage }).toEqual({ status: 'incomplete', damage: null })
    expect(missing.join()).toContain('note 0 is not compared')
    expect(missing.join()).toContain(why)
  })
})

test('without a verifier key no head is compared: what nobody signed proves nothing', async () => {
  const forged = `${LOG}\n9999\n${Buffer.alloc(32).toString('base64')}\n\n\u2014 ${LOG} AAAA\n`
  const { status, damage, missing } = await verifyLedger(present.directory, {
    kept: forged,
    checkpoints: [{ holder: 'typed.note', note: forged }],
  })
  expect({ status, damage }).toEqual({ status: 'incomplete', damage: null })
  expect(missing).toContain('typed.note is not compared: no verifier key says who signed it')
  expect(missing).toContain('what the keys folder holds is not compared: no verifier key says who signed it')
})

describe('the head in the keys folder', () => {
  test('is the newest checkpoint, at a close, at a seal and in between', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { maxSegmentBytes: 5_000 })
    expect(headOf(place)).toBe(checkpointOf(place))
    for (let n = 0; n < 12; n++) await oneCall(ledger, n)
    expect(segmentsOf(place).length).toBeGreaterThan(2)
    expect(headOf(place)).toBe(checkpointOf(place))
    await ledger.close()
    expect(headOf(place)).toBe(checkpointOf(place))
  })

  test.each<[string, (place: Place) => void]>([
    ['one that a kill left older', (place) => writeFileSync(join(place.keys, 'ledger.head'), older)],
    ['none', (place) => rmSync(join(place.keys, 'ledger.head'))],
    [
      'one of another log',
      (place) => writeFileSync(join(place.keys, 'ledger.head'), newer.replaceAll(LOG, 'other/n2')),
    ],
  ])('%s: the log opens, and it is written anew', async (_, change) => {
    const place = copyOf(present)
    change(place)
    expect((await verifyAt(place)).status).toBe('verified')
    await (await openAt(place)).ledger.close()
    expect(headOf(place)).toBe(checkpointOf(place))
    expect((await verifyAt(place)).status).toBe('verified')
  })

  test('one that was altered is refused, and an operator can accept that too', async () => {
    const place = copyOf(present)
    writeFileSync(join(place.keys, 'ledger.head'), newer.replace(/\n\d+\n/, '\n3\n'))
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT') && refused.detail.kind).toBe('signature')
    expect(await verifyAt(place)).toMatchObject({ status: 'tampered', damage: { kind: 'signature' } })
    expect((await accept(place)).lost).toMatchObject({ signed: null, damage: { kind: 'signature' } })
    await (await openAt(place)).ledger.close()
    expect((await verifyAt(place)).status).toBe('verified')
  })
})

describe('accepting', () => {
  test('where nothing is missing is refused, and nothing is written', async () => {
    const place = copyOf(present)
    const refused = await accept(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_CLI_USAGE')).toBe(true)
    expect((await allEntries(place)).length).toBe((await allEntries(present)).length)
  })

  test.each(['', ' ', 'x'.repeat(501), '\ud800'])('needs a reason: %j is none', async (reason) => {
    const place = broughtBack()
    expect(isCustomhouseError(await accept(place, reason).catch((error: unknown) => error), 'ERR_CLI_USAGE')).toBe(true)
    expect(headOf(place)).toBe(newer)
  })

  test('does not go before a writer that lives', async () => {
    const place = makePlace()
    await openAt(place)
    expect(isCustomhouseError(await accept(place).catch((error: unknown) => error), 'ERR_LEDGER_LOCKED')).toBe(true)
  })

  test('killed before the head was written: it is asked for again, and recorded again', async () => {
    const place = broughtBack()
    await accept(place)
    writeFileSync(join(place.keys, 'ledger.head'), newer)
    expect(isCustomhouseError(await openAt(place).catch((error: unknown) => error), 'ERR_LEDGER_CORRUPT')).toBe(true)
    await accept(place, 'again')
    expect((await verifyAt(place)).restored.map(({ reason }) => reason)).toEqual([REASON, 'again'])
  })

  test('does not make damage good: that stays refused', async () => {
    const place = broughtBack()
    const name = segmentsOf(place)[0] ?? ''
    const text = readFileSync(join(place.directory, name), 'utf8')
    writeFileSync(join(place.directory, name), text.replace('"call.outcome"', '"call.denied"'))
    rmSync(join(place.directory, 'snapshot'), { force: true })
    const refused = await accept(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT') && refused.detail.kind).toBe('leaf-hash')
    expect(dirname(place.directory)).toBe(place.state)
  })
})
