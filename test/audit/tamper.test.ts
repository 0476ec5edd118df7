import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { seal } from '../../src/audit/disclosure.ts'
import { type DamageKind, openContentKeys, openLedger, sealContext, unseal } from '../../src/audit/index.ts'
import { readLine } from '../../src/audit/segment.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf, editLines, lineOf, linesOf, recommit, rewriteLeaf, writeLines } from './forge.ts'
import {
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
import { CASES, lineEdit } from './tampering.ts'

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

test('any commit line that is taken out is noticed by the next one', async () => {
  const whole = linesOf(newestSegment(single))
  const commits = whole.flatMap((line, i) => (line.startsWith('{"c":') ? [i] : []))
  expect(commits.length).toBeGreaterThan(10)
  for (const at of commits.slice(0, -1)) {
    const place = copyOf(single)
    editLines(place, (lines) => lines.toSpliced(at, 1))
    expect(await verifyAt(place), `line ${at}`).toMatchObject({
      status: 'tampered',
      damage: { kind: 'root', field: 'from' },
    })
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
  }
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

  const erased = (): Place => {
    const place = copyOf(single)
    rmSync(join(place.keys, 'content'), { recursive: true })
    return place
  }

  test('a destroyed key erases what it sealed; that it was meant to, somebody has to say', async () => {
    const place = erased()
    expect(await verifyAt(place)).toMatchObject({
      status: 'incomplete',
      disclosures: { opened: 0, erased: 10 },
      checks: { roots: 'checked', disclosures: 'not checked' },
      missing: ['10 sealed parts have no content key any more: erased, or lost'],
    })
    expect(await verifyAt(place, { allowErased: true })).toMatchObject({ status: 'verified', missing: [] })
  })

  test.each<[string, (line: string) => string]>([
    ['ciphertext', (line) => line.replace(/"x":"......../, '"x":"AAAAAAAA')],
    ['ciphertext, made longer', (line) => line.replace('"x":"', '"x":"AAAA')],
    ['key id', (line) => line.replace(/("k":"claims\.\d{4}-\d\d\.)[0-9a-f]{8}/, '$100000000')],
  ])('after an erasure an overwritten %s is still noticed, without any key and by recovery', async (_, edit) => {
    const place = erased()
    lineEdit(1, edit)(place)
    for (const contentKeys of [true, false]) {
      expect(await verifyAt(place, { allowErased: true }, contentKeys)).toMatchObject({
        status: 'tampered',
        damage: { kind: 'disclosure', seq: 1 },
      })
    }
    const refused = await openAt(place).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
  })

  test('a part that is sealed anew under its own key is not the one that its leaf binds', async () => {
    const place = copyOf(single)
    const keys = openContentKeys(place.keys, { make: false })
    editLines(place, (lines) => {
      const at = lineOf(lines, 1)
      const read = readLine(lines[at] ?? '')
      if (read.type !== 'record' || read.entry.sealed === null) throw new Error('The line has no sealed part.')
      const { leaf, sealed } = read.entry
      const key = keys.opening(sealed.k)
      const context = sealContext(leaf.log, leaf.seq, leaf.id)
      const disclosures = key === null ? null : unseal(key, context, sealed.x)
      if (key === null || disclosures === null) throw new Error('The sealed part does not open.')
      return lines.with(at, (lines[at] ?? '').replace(sealed.x, seal(key, context, disclosures)))
    })
    expect(await verifyAt(place)).toMatchObject({ status: 'tampered', damage: { kind: 'disclosure', seq: 1 } })
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

test('whatever bytes stand there, the verifier ends with a verdict, and verifies nothing but the log that was written', async () => {
  const place = copyOf(several)
  const whole = await verifyAt(place)
  const files = [...segmentsOf(place), 'checkpoint'].map((name) => join(place.directory, name))
  const change = fc.record({
    file: fc.nat(files.length - 1),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom(
          '\n',
          '{"h":{}}\n',
          '{"c":{"root":"","size":1}}\n',
          '{"t":{"note":"","root":"","size":0}}\n',
          '{"l":"',
          '[[[[',
          '"',
        )
        .map((text) => Buffer.from(text)),
    ),
    cut: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const before = files.map((file) => readFileSync(file))
      for (const { file, from, to, insert, cut } of changes) {
        const path = files[file] ?? ''
        const bytes = readFileSync(path)
        const at = Math.floor(from * bytes.length)
        const end = cut ? Math.max(at, Math.floor(to * bytes.length)) : at
        writeFileSync(path, Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(end)]))
      }
      const { status, size, root } = await verifyAt(place)
      for (const [i, file] of files.entries()) writeFileSync(file, before[i] ?? '')
      if (status === 'verified') expect([size, root]).toEqual([whole.size, whole.root])
      else expect(status).toBe('tampered')
    }),
    { numRuns: 400 },
  )
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
