import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeVerifier, openContentKeys, publishedVerifierKey, RECORD_KINDS, readTrail } from '../../src/audit/index.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf } from './forge.ts'
import {
  allEntries,
  callId,
  makePlace,
  newestSegment,
  oneCall,
  openAt,
  type Place,
  placeIn,
  throwDamage,
  verifyAt,
} from './kit.ts'

/** Written by the last program without a version in the state: three segments, an intent that a start abandoned, five calls. */
const GOLDEN = placeIn(join(import.meta.dirname, 'golden/state-1'))

const versionOf = (place: Place): unknown => JSON.parse(readFileSync(join(place.state, 'version'), 'utf8'))
const head = (place: Place): string => join(place.keys, 'ledger.head')

function everyFile(place: Place): Map<string, string> {
  return new Map(
    [place.state, place.keys]
      .flatMap((root) => readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)))
      .filter((path) => statSync(path).isFile())
      .map((path) => [path, `${statSync(path).mtimeMs} ${readFileSync(path, 'base64')}`]),
  )
}

async function readsBack(place: Place): Promise<void> {
  const contentKeys = openContentKeys(place.keys, { make: false })
  const verifier = makeVerifier(publishedVerifierKey(place.keys) ?? '')
  for (const n of [1, 2, 3, 4, 6]) {
    const trail = await readTrail(place.directory, callId(n), { contentKeys, verifier, onDamage: throwDamage })
    const end = n === 4 ? 'call.abandoned' : 'call.outcome'
    expect(trail.map(({ record }) => record.kind)).toEqual(['call.intent', end])
    expect(trail[0]?.disclosed?.map(({ name, value }) => [name, value])).toEqual([
      ['subject', `person-${n}@bank.example`],
      ['task', `case ${n}`],
    ])
    expect(trail.every(({ proof }) => proof?.holds === true && proof.signed === true)).toBe(true)
  }
}

describe('a state of version 1', () => {
  test('can be read and verified as it is, and is left as it is', async () => {
    const place = copyOf(GOLDEN)
    const before = everyFile(place)
    expect(await verifyAt(place)).toMatchObject({
      status: 'verified',
      segments: 3,
      size: 15,
      disclosures: { opened: 5, erased: 0 },
      missing: [],
    })
    await readsBack(place)
    expect(everyFile(place)).toEqual(before)
  })

  test('is upgraded by the opening, which says so on record; all of it reads back', async () => {
    const place = copyOf(GOLDEN)
    const checkpoint = readFileSync(join(place.directory, 'checkpoint'), 'utf8')
    const { ledger, recovered } = await openAt(place)
    expect(recovered).toMatchObject({ epoch: 3, abandoned: 0, upgraded: { from: 1, to: 3 } })
    expect(versionOf(place)).toEqual({ version: 3 })
    expect(readFileSync(head(place), 'utf8')).not.toBe(checkpoint)
    await oneCall(ledger, 50)
    await ledger.close()
    expect((await allEntries(place))[15]?.leaf).toMatchObject({
      kind: 'ledger.opened',
      body: { upgraded: { from: 1, to: 3 } },
    })
    await readsBack(place)
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', size: 19, disclosures: { opened: 6 } })
    expect((await openAt(place)).recovered.upgraded).toBeNull()
  })

  test('as a crash of that program left it: what was open is abandoned, what was torn is cut', async () => {
    const place = copyOf(GOLDEN)
    const segment = newestSegment(place)
    const lines = readFileSync(segment, 'utf8').split('\n')
    const end = lines.findIndex((line) => line.includes('"kind":"call.outcome"'))
    writeFileSync(segment, `${lines.slice(0, end).join('\n')}\n${(lines[end] ?? '').slice(0, 100)}`)
    const trailer = readFileSync(join(place.directory, '00000000000000000005.seg'), 'utf8').split('\n').at(-2) ?? ''
    writeFileSync(join(place.directory, 'checkpoint'), JSON.parse(trailer).t.note)
    const { recovered } = await openAt(place)
    expect(recovered).toMatchObject({ abandoned: 1, torn: { bytes: 100 }, upgraded: { from: 1, to: 3 } })
    const abandoned = (await allEntries(place)).map(({ leaf }) => leaf).filter(({ kind }) => kind === 'call.abandoned')
    expect(abandoned.at(-1)?.body).toEqual({ reason: 'crash', progress: null })
  })

  test.each<[string, (place: Place) => void]>([
    ['before its first step', () => undefined],
    ['after the head was kept', (place) => cpSync(join(place.directory, 'checkpoint'), head(place))],
    ['in the middle of a file', (place) => writeFileSync(join(place.state, 'version.unfinished'), '{"ver')],
  ])('an upgrade that was killed %s is done again', async (_, stop) => {
    const place = copyOf(GOLDEN)
    stop(place)
    const { ledger, recovered } = await openAt(place)
    expect(recovered.upgraded).toEqual({ from: 1, to: 3 })
    await ledger.close()
    expect(versionOf(place)).toEqual({ version: 3 })
    expect((await verifyAt(place)).status).toBe('verified')
  })

  test('a version that is taken away does not make the keys forget what was signed', async () => {
    const place = copyOf(GOLDEN)
    const { ledger } = await openAt(place)
    await oneCall(ledger, 1)
    await ledger.close()
    rmSync(place.state, { recursive: true })
    cpSync(GOLDEN.state, place.state, { recursive: true })
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT') && refused.detail.kind).toBe('rolled-back')
  })
})

test('a state of version 2 is upgraded by the opening, which says so on record', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place)
  await oneCall(ledger, 1)
  await ledger.close()
  // Its files are those of version 3, but for records of the two kinds.
  writeFileSync(join(place.state, 'version'), '{"version":2}\n')
  expect((await verifyAt(place)).status).toBe('verified')
  expect(versionOf(place)).toEqual({ version: 2 })
  const again = await openAt(place)
  expect(again.recovered.upgraded).toEqual({ from: 2, to: 3 })
  expect(versionOf(place)).toEqual({ version: 3 })
  await again.ledger.append({ kind: 'identity.revoked', tenant: '_gateway', call: null, body: { generation: 1 } })
  await again.ledger.close()
  expect((await verifyAt(place)).status).toBe('verified')
})

describe('the version of a state', () => {
  // A kind more makes programs of this version call a sound ledger tampered: it takes the next version, and a row of its own here.
  test('pins the kinds of records', async () => {
    const place = makePlace()
    await (await openAt(place)).ledger.close()
    expect({ ...Object(versionOf(place)), kinds: [...RECORD_KINDS].sort() }).toEqual({
      version: 3,
      kinds: [
        'access.refused',
        'call.abandoned',
        'call.attempt_failed',
        'call.denied',
        'call.displaced',
        'call.intent',
        'call.outcome',
        'call.progress',
        'config.activated',
        'config.rejected',
        'identity.revoked',
        'ledger.closed',
        'ledger.opened',
        'ledger.restored',
        'policy.activated',
        'policy.rejected',
      ],
    })
  })

  test('is there from the start, and a new state is upgraded from nothing', async () => {
    const place = makePlace()
    const { recovered } = await openAt(place)
    expect(recovered.upgraded).toBeNull()
    expect(versionOf(place)).toEqual({ version: 3 })
  })

  test.each([
    ['newer than this program', '{"version":4}\n'],
    ['far newer', '{"version":999}'],
    ['unreadable', '{"version":'],
    ['empty', ''],
    ['of another shape', '{"version":2,"more":1}'],
    ['nothing', '{"version":0}'],
  ])('%s: not opened, and nothing is touched', async (_, text) => {
    const place = copyOf(GOLDEN)
    mkdirSync(place.state, { recursive: true })
    writeFileSync(join(place.state, 'version'), text)
    const before = everyFile(place)
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_STATE_VERSION')).toBe(true)
    expect(String(refused)).toContain('Nothing was touched')
    expect(everyFile(place)).toEqual(before)
    expect(existsSync(join(place.directory, 'lock'))).toBe(false)
  })
})
