import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RECORD_KINDS } from '../../src/audit/index.ts'
import type { RecordKind } from '../../src/core/record.ts'
import { copyOf, editLines, lineOf, recommit, rewriteLeaf } from './forge.ts'
import { callId, denied, intent, makePlace, oneCall, openAt, type Place, verifyAt } from './kit.ts'
import { lineEdit } from './tampering.ts'

const PYTHON = spawnSync('python3', ['--version']).status === 0
if (!PYTHON) console.log('python3 is not here: the reference verifier is not run.')

function reference(place: Place): unknown {
  const run = spawnSync('python3', [join(import.meta.dirname, 'verify.py'), place.directory], { encoding: 'utf8' })
  expect([0, 2, 4], run.stderr).toContain(run.status)
  return JSON.parse(run.stdout)
}

describe.skipIf(!PYTHON)('a verifier of other hands', () => {
  test('knows every kind of record, and does not judge a state of a newer version', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    await oneCall(ledger, 1)
    const own = [...RECORD_KINDS].filter((kind) => !/^(call|ledger)\./.test(kind))
    expect(own).toContain('identity.revoked')
    for (const kind of own as RecordKind[]) await ledger.append({ kind, tenant: '_gateway', call: null, body: {} })
    const { seq } = await ledger.append(intent(2))
    await ledger.append({ ...denied(2), kind: 'call.displaced', of: seq, tenant: 'claims', call: callId(2) })
    await ledger.close()
    const { status, size } = await verifyAt(place)
    expect(status).toBe('verified')
    expect(reference(place)).toMatchObject({ status, size, why: null })
    writeFileSync(join(place.state, 'version'), '{"version":4}')
    expect(reference(place)).toMatchObject({ status: 'incomplete' })
  })

  test('comes to the same size, root and open intents, whatever was written', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())),
          { maxLength: 20 },
        ),
        async (bodies) => {
          const place = makePlace()
          for (let epoch = 0; epoch < 2; epoch++) {
            const { ledger } = await openAt(place, { maxSegmentBytes: 3_000 })
            await Promise.all(bodies.map((body, n) => ledger.append({ ...denied(n, `t${n % 3}`), body })))
            await oneCall(ledger, 1)
            if (epoch === 1) await ledger.append(intent(9))
            await ledger.close()
          }
          const { status, size, root, openIntents: open } = await verifyAt(place)
          expect(status).toBe('verified')
          expect(reference(place)).toEqual({ status, size, root, open, why: null })
        },
      ),
      { numRuns: 8 },
    )
  })

  test.each<[string, (place: Place) => void]>([
    [
      'an edited leaf',
      (place) => editLines(place, (lines) => lines.map((line) => line.replace('"tseq":1', '"tseq":2'))),
    ],
    [
      'an edited leaf, all hashes made anew',
      (place) =>
        editLines(place, (lines) =>
          recommit(
            lines.with(
              lineOf(lines, 2),
              rewriteLeaf(lines[lineOf(lines, 2)] ?? '', (leaf) => leaf.replace(/"boot":"./, '"boot":"x')),
            ),
          ),
        ),
    ],
    ['a record taken out', (place) => editLines(place, (lines) => lines.toSpliced(lineOf(lines, 2), 1))],
    [
      'members in another order',
      (place) =>
        editLines(place, (lines) =>
          recommit(
            lines.with(
              lineOf(lines, 2),
              rewriteLeaf(lines[lineOf(lines, 2)] ?? '', (leaf) =>
                leaf.replace(/"epoch":1,("id":"[^"]+"),/, '$1,"epoch":1,'),
              ),
            ),
          ),
        ),
    ],
    ['a commit line taken out', (place) => editLines(place, (lines) => lines.toSpliced(lineOf(lines, 1) + 1, 1))],
    ['an overwritten ciphertext', lineEdit(1, (line) => line.replace(/"x":"......../, '"x":"AAAAAAAA'))],
    ['an overwritten key id', lineEdit(1, (line) => line.replace(/"k":"claims/, '"k":"blaims'))],
    ['the newest commit cut off', (place) => editLines(place, (lines) => lines.slice(0, -2))],
  ])('and finds %s', async (_, spoil) => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    await oneCall(ledger, 1)
    await ledger.append(denied(2))
    await ledger.close()
    const spoilt = copyOf(place)
    spoil(spoilt)
    expect(reference(spoilt)).toMatchObject({ status: 'tampered', why: expect.any(String) })
    expect((await verifyAt(spoilt)).status).toBe('tampered')
  })
})
