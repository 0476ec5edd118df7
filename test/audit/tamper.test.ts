import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type DamageKind, EMPTY_ROOT, leafHash, openLedger } from '../../src/audit/index.ts'
import { makeSigner } from '../../src/audit/note.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf, editHeader, editLines, lineOf, linesOf, recommit, rewriteLeaf, writeLines } from './forge.ts'
import {
  callId,
  denied,
  LOG,
  makePlace,
  makeSharedPlace,
  newestSegment,
  oneCall,
  openAt,
  type Place,
  segmentsOf,
  verifyAt,
} from './kit.ts'

/** One log of one segment, and one of several. */
let single: Place
let several: Place
let stranger: Place

beforeAll(async () => {
  single = makeSharedPlace()
  several = makeSharedPlace()
  stranger = makeSharedPlace()
  for (const [place, options] of [
    [single, {}],
    [several, { maxSegmentBytes: 4_000 }],
    [stranger, { maxSegmentBytes: 4_000, log: 'other/n2' }],
  ] as const) {
    const { ledger } = await openLedger({ state: place.state, keys: place.keys, log: LOG, ...options })
    for (let n = 0; n < 10; n++) {
      await Promise.all([oneCall(ledger, n, n % 2 === 0 ? 'claims' : 'fraud'), ledger.append(denied(100 + n))])
    }
    await ledger.close()
  }
})

type Case = Readonly<{ name: string; kind: DamageKind; seq?: number; field?: string; spoil: (place: Place) => void }>

/** Changes the record of a number in a log of one segment; `recommitted` mends hashes and roots after it. */
const leafEdit =
  (seq: number, edit: (leaf: string) => string, recommitted = true) =>
  (place: Place): void =>
    editLines(place, (lines) => {
      const edited = lines.with(lineOf(lines, seq), rewriteLeaf(lines[lineOf(lines, seq)] ?? '', edit))
      return recommitted ? recommit(edited) : edited
    })

const lineEdit =
  (seq: number, edit: (line: string) => string) =>
  (place: Place): void =>
    editLines(place, (lines) => lines.with(lineOf(lines, seq), edit(lines[lineOf(lines, seq)] ?? '')))

const splice =
  (seq: number, remove: number, insert: (lines: readonly string[], at: number) => readonly string[]) =>
  (place: Place): void =>
    editLines(place, (lines) => lines.toSpliced(lineOf(lines, seq), remove, ...insert(lines, lineOf(lines, seq))))

/** The first commit line after a record. */
const commitEdit =
  (seq: number, edit: (line: string) => string) =>
  (place: Place): void =>
    editLines(place, (lines) => {
      const at = lines.findIndex((line, i) => i > lineOf(lines, seq) && line.startsWith('{"c":'))
      return lines.with(at, edit(lines[at] ?? ''))
    })

const CASES: readonly Case[] = [
  {
    name: 'an edited leaf',
    kind: 'leaf-hash',
    seq: 5,
    spoil: lineEdit(5, (line) => line.replace('"tenant":"', '"tenant":"x')),
  },
  {
    name: 'an edited leaf hash',
    kind: 'leaf-hash',
    seq: 5,
    spoil: lineEdit(5, (line) => line.replace(/^\{"l":".{43}/, `{"l":"${leafHash('')}`)),
  },
  {
    name: 'an edited leaf, hashed again',
    kind: 'root',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"boot":"./, '"boot":"x'), false),
  },
  {
    name: 'the same, with all roots made anew',
    kind: 'checkpoint',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"boot":"./, '"boot":"x')),
  },
  { name: 'a deleted record', kind: 'seq', seq: 5, field: 'seq', spoil: splice(4, 1, () => []) },
  {
    name: 'a doubled record',
    kind: 'seq',
    seq: 5,
    field: 'seq',
    spoil: splice(5, 1, (lines, at) => [lines[at] ?? '', lines[at] ?? '']),
  },
  {
    name: 'an inserted record',
    kind: 'seq',
    spoil: splice(5, 0, (lines, at) => [rewriteLeaf(lines[at] ?? '', (leaf) => leaf.replace(callId(1), callId(9)))]),
  },
  {
    name: 'two records swapped',
    kind: 'seq',
    seq: 2,
    spoil: splice(1, 2, (lines, at) => [lines[at + 1] ?? '', lines[at] ?? '']),
  },
  {
    name: 'the last record of a commit deleted',
    kind: 'root',
    field: 'size',
    spoil: (place) =>
      editLines(place, (lines) => {
        const types = lines.map((line) => line.slice(2, 3)).join('')
        return lines.toSpliced(types.indexOf('llc') + 1, 1)
      }),
  },
  {
    name: 'an edited root',
    kind: 'root',
    field: 'root',
    spoil: commitEdit(5, (line) => line.replace(/"root":".{43}/, `"root":"${leafHash('')}`)),
  },
  {
    name: 'an edited size',
    kind: 'root',
    field: 'size',
    spoil: commitEdit(5, (line) => line.replace(/"size":\d+/, '"size":99')),
  },
  {
    name: 'a malformed commit line',
    kind: 'line',
    spoil: commitEdit(5, (line) => line.replace('"size":', '"size": ')),
  },
  { name: 'a commit of nothing', kind: 'line', spoil: commitEdit(5, (line) => `${line}\n${line}`) },
  {
    name: 'a wrong number within the tenant',
    kind: 'tseq',
    seq: 5,
    field: 'tseq',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"tseq":\d+/, '"tseq":77')),
  },
  {
    name: 'a record moved to another tenant',
    kind: 'tseq',
    seq: 5,
    spoil: leafEdit(5, (leaf) => leaf.replace(/"tenant":"[a-z]+"/, '"tenant":"other"')),
  },
  {
    name: 'a wrong number',
    kind: 'seq',
    field: 'seq',
    spoil: leafEdit(5, (leaf) => leaf.replace('"seq":5,', '"seq":6,')),
  },
  {
    name: 'members in another order',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"epoch":1,("id":"[^"]+"),/, '$1,"epoch":1,')),
  },
  {
    name: 'white space in a leaf',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":', '"epoch": ')),
  },
  {
    name: 'a member twice',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":1,', '"epoch":1,"epoch":1,')),
  },
  {
    name: 'a needless escape',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"kind":"c', '"kind":"\\u0063')),
  },
  {
    name: 'an unknown member',
    kind: 'field',
    field: 'extra',
    spoil: leafEdit(5, (leaf) => leaf.replace('"id":', '"extra":0,"id":')),
  },
  {
    name: 'a missing member',
    kind: 'field',
    field: 'mono',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"mono":"\d+",/, '')),
  },
  {
    name: 'an unknown kind',
    kind: 'field',
    field: 'kind',
    spoil: leafEdit(5, (leaf) => leaf.replace('"kind":"call.', '"kind":"cull.')),
  },
  { name: 'another version', kind: 'line', spoil: leafEdit(5, (leaf) => leaf.replace('"v":1}', '"v":2}')) },
  {
    name: 'the name of another log',
    kind: 'log',
    field: 'log',
    spoil: leafEdit(5, (leaf) => leaf.replace('bank.example/n1', 'bank.example/n2')),
  },
  {
    name: 'an epoch out of turn',
    kind: 'epoch',
    field: 'epoch',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":1,', '"epoch":3,')),
  },
  {
    name: 'an intent closed by another call',
    kind: 'intent',
    field: 'of',
    spoil: leafEdit(3, (leaf) => leaf.replace(callId(0), callId(5))),
  },
  {
    name: 'an intent closed twice',
    kind: 'intent',
    field: 'of',
    spoil: leafEdit(6, (leaf) => leaf.replace(/"of":\d+/, '"of":1')),
  },
  { name: 'a line that is none of the format', kind: 'line', spoil: splice(5, 0, () => ['{"x":1}']) },
  { name: 'an empty line', kind: 'line', spoil: splice(5, 0, () => ['']) },
  { name: 'a second header', kind: 'header', spoil: splice(5, 0, (lines) => [lines[0] ?? '']) },
  {
    name: 'a header of another log',
    kind: 'header',
    field: 'log',
    spoil: (place) => editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { log: 'other/n2' }))),
  },
  {
    name: 'a header with another root',
    kind: 'header',
    field: 'root',
    spoil: (place) => editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { root: leafHash('') }))),
  },
  {
    name: 'a header of an epoch out of turn',
    kind: 'epoch',
    field: 'epoch',
    spoil: (place) =>
      editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { epoch: 5, root: EMPTY_ROOT }))),
  },
  { name: 'no header', kind: 'header', spoil: (place) => editLines(place, (lines) => lines.slice(1)) },
  { name: 'an empty segment', kind: 'header', spoil: (place) => truncateSync(newestSegment(place)) },
  {
    name: 'bytes that are not UTF-8',
    kind: 'line',
    spoil: (place) => {
      const bytes = readFileSync(newestSegment(place))
      bytes[bytes.lastIndexOf('bank.example')] = 0xff
      writeFileSync(newestSegment(place), bytes)
    },
  },
  {
    name: 'the newest commit cut off',
    kind: 'rolled-back',
    spoil: (place) => editLines(place, (lines) => lines.slice(0, -2)),
  },
  {
    name: 'the end of the newest commit cut off',
    kind: 'rolled-back',
    spoil: (place) => truncateSync(newestSegment(place), readFileSync(newestSegment(place)).length - 30),
  },
  { name: 'no segment at all', kind: 'rolled-back', spoil: (place) => rmSync(newestSegment(place)) },
  {
    name: 'an edited checkpoint',
    kind: 'signature',
    spoil: (place) => editCheckpoint(place, (note) => note.replace(/\n\d+\n/, '\n1\n')),
  },
  {
    name: 'a checkpoint of another key',
    kind: 'signature',
    spoil: (place) => {
      const signer = makeSigner('bank.example/n1', readFileSync(join(stranger.keys, 'ledger.pem'), 'utf8'))
      editCheckpoint(place, (note) => signer.sign(note.slice(0, note.indexOf('\n\n') + 1)))
    },
  },
]

function editCheckpoint(place: Place, edit: (note: string) => string): void {
  const path = join(place.directory, 'checkpoint')
  writeFileSync(path, edit(readFileSync(path, 'utf8')))
}

describe('a log of one segment', () => {
  test('is verified as it was written', async () => {
    expect(await verifyAt(copyOf(single))).toMatchObject({
      status: 'verified',
      size: 32,
      segments: 1,
      openIntents: 0,
      damage: null,
    })
  })

  test.each(CASES)('$name: $kind', async ({ kind, seq, field, spoil }) => {
    const place = copyOf(single)
    spoil(place)
    const { status, damage } = await verifyAt(place)
    expect(damage?.kind).toBe(kind)
    expect(status).toBe('tampered')
    if (seq !== undefined) expect(damage?.seq).toBe(seq)
    if (field !== undefined) expect(damage?.field).toBe(field)
    // What the verifier finds, the writer refuses to go on from.
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
  })

  test('damage is reported with its line and byte', async () => {
    const place = copyOf(single)
    lineEdit(5, (line) => line.replace('"boot":"', '"boot":"x'))(place)
    const { damage } = await verifyAt(place)
    const lines = linesOf(newestSegment(place))
    expect(damage).toMatchObject({
      kind: 'leaf-hash',
      segment: '00000000000000000000.seg',
      seq: 5,
      line: lineOf(lines, 5) + 1,
    })
    expect(
      readFileSync(newestSegment(place))
        .subarray(damage?.byte ?? 0, (damage?.byte ?? 0) + 6)
        .toString(),
    ).toBe('{"l":"')
  })
})

test('a commit line taken out changes nothing that is signed', async () => {
  const place = copyOf(single)
  const before = await verifyAt(place)
  editLines(place, (lines) => lines.filter((line, i) => !(line.startsWith('{"c":') && i > 4 && i < 12)))
  expect(await verifyAt(place)).toEqual(before)
})

describe('sealed parts', () => {
  const sealed = (line: string): string => line.slice(line.indexOf(',"d":'))
  test.each<[string, (place: Place) => void]>([
    ['edited', lineEdit(1, (line) => line.replace(/"x":"....../, '"x":"AAAAAA'))],
    [
      'under another key id',
      lineEdit(1, (line) => line.replace(/"k":"claims\.(\d{4}-\d\d)\.[0-9a-f]{8}"/, '"k":"claims.$1.00000000"')),
    ],
    ['under a key of another tenant', lineEdit(1, (line) => line.replace('"k":"claims', '"k":"fraud'))],
    ['taken out', lineEdit(1, (line) => line.replace(sealed(line), '}'))],
    [
      'added',
      (place) =>
        editLines(place, (lines) =>
          lines.with(
            lineOf(lines, 2),
            (lines[lineOf(lines, 2)] ?? '').replace(/\}$/, sealed(lines[lineOf(lines, 1)] ?? '')),
          ),
        ),
    ],
    [
      "another record's",
      (place) =>
        editLines(place, (lines) =>
          lines.map((line, i) =>
            i === lineOf(lines, 1) ? line.replace(sealed(line), sealed(lines[lineOf(lines, 7)] ?? '')) : line,
          ),
        ),
    ],
  ])('%s: disclosure', async (_, spoil) => {
    const place = copyOf(single)
    spoil(place)
    expect(await verifyAt(place)).toMatchObject({
      status: 'tampered',
      damage: { kind: 'disclosure', seq: expect.any(Number) },
    })
  })

  test('a destroyed key erases what it sealed, and the log still verifies', async () => {
    const place = copyOf(single)
    rmSync(join(place.keys, 'content'), { recursive: true })
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', disclosures: { opened: 0, erased: 10 } })
  })
})

describe('a log of several segments', () => {
  const nth = (place: Place, n: number): string => join(place.directory, segmentsOf(place)[n] ?? '')
  test('is verified as it was written', async () => {
    const place = copyOf(several)
    expect(segmentsOf(place).length).toBeGreaterThan(3)
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', size: 32 })
  })

  test.each<[string, DamageKind, (place: Place) => void]>([
    ['a segment taken out', 'segment', (place) => rmSync(nth(place, 1))],
    ['the first segment taken out', 'segment', (place) => rmSync(nth(place, 0))],
    ['the newest segment taken out', 'rolled-back', (place) => rmSync(nth(place, segmentsOf(place).length - 1))],
    ['an older copy of the newest segment', 'rolled-back', (place) => editLines(place, (lines) => lines.slice(0, 1))],
    ['a segment of another log', 'header', (place) => copyFileSync(nth(stranger, 1), nth(place, 1))],
    [
      'a segment under another name',
      'header',
      (place) => renameSync(nth(place, 1), join(place.directory, '00000000000000000003.seg')),
    ],
    ['a segment twice', 'header', (place) => copyFileSync(nth(place, 1), nth(place, 2))],
    ['no trailer', 'segment', (place) => writeLines(nth(place, 1), linesOf(nth(place, 1)).slice(0, -1))],
    [
      'a record after the trailer',
      'trailer',
      (place) => writeLines(nth(place, 1), [...linesOf(nth(place, 1)), linesOf(nth(place, 1))[1] ?? '']),
    ],
    [
      'half a line after the trailer',
      'trailer',
      (place) => writeFileSync(nth(place, 1), `${readFileSync(nth(place, 1), 'utf8')}{"l"`),
    ],
    [
      'a trailer of another place',
      'trailer',
      (place) =>
        writeLines(nth(place, 1), [...linesOf(nth(place, 1)).slice(0, -1), linesOf(nth(place, 0)).at(-1) ?? '']),
    ],
    [
      'an edited seal',
      'signature',
      (place) =>
        writeLines(
          nth(place, 1),
          linesOf(nth(place, 1)).map((line) =>
            line.startsWith('{"t":') ? line.replace(/(n1 .{12})....../, '$1AAAAAA') : line,
          ),
        ),
    ],
    [
      'an older segment edited and rewritten',
      'trailer',
      (place) => {
        const lines = linesOf(nth(place, 0))
        writeLines(
          nth(place, 0),
          recommit(
            lines.with(
              lineOf(lines, 1),
              rewriteLeaf(lines[lineOf(lines, 1)] ?? '', (leaf) => leaf.replace(/"boot":"./, '"boot":"x')),
            ),
          ),
        )
      },
    ],
  ])('%s: %s', async (_, kind, spoil) => {
    const place = copyOf(several)
    spoil(place)
    expect(await verifyAt(place)).toMatchObject({ status: 'tampered', damage: { kind } })
  })

  test('every single byte that is flipped is noticed', async () => {
    const place = copyOf(several)
    const path = nth(place, 1)
    const bytes = readFileSync(path)
    for (let at = 0; at < bytes.length; at += 41) {
      const spoilt = Buffer.from(bytes)
      spoilt[at] = (spoilt[at] ?? 0) ^ (1 << (at % 7))
      writeFileSync(path, spoilt)
      expect((await verifyAt(place)).status, `byte ${at}`).toBe('tampered')
    }
  })
})

describe('what cannot be verified is never called fine', () => {
  test('without a verifier key', async () => {
    const place = copyOf(single)
    rmSync(join(place.keys, 'ledger.vkey'))
    expect(await verifyAt(place)).toMatchObject({
      status: 'incomplete',
      checks: { roots: 'checked', signatures: 'not checked' },
    })
  })

  test('without a checkpoint', async () => {
    const place = copyOf(single)
    rmSync(join(place.directory, 'checkpoint'))
    expect(await verifyAt(place)).toMatchObject({
      status: 'incomplete',
      signedSize: null,
      missing: ['there is no signed checkpoint'],
    })
  })

  test('without a log', async () => {
    const place = makePlace()
    expect(existsSync(place.state)).toBe(false)
    expect(await verifyAt(place)).toMatchObject({ status: 'incomplete', size: 0, checks: { structure: 'not checked' } })
  })
})
