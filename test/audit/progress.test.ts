import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeVerifier, publishedVerifierKey } from '../../src/audit/index.ts'
import { recover } from '../../src/audit/recovery.ts'
import type { AuditDraft } from '../../src/core/record.ts'
import { copyOf } from './forge.ts'
import {
  allEntries,
  callId,
  intent,
  LOG,
  makePlace,
  oneCall,
  openAt,
  outcome,
  type Place,
  segmentsOf,
  verifyAt,
} from './kit.ts'

const progress = (n: number, of: number, bytes: number): AuditDraft => ({
  kind: 'call.progress',
  tenant: 'claims',
  call: callId(n),
  of,
  body: { attempt: 1, bytes, events: 3 },
  personal: { released: 'a'.repeat(64) },
})

const ends = async (place: Place) =>
  (await allEntries(place)).map(({ leaf }) => leaf).filter(({ kind }) => kind === 'call.abandoned')

describe('what a crash left open is closed with the newest progress that is on record', () => {
  test.each<[string, number | undefined]>([
    ['in the newest segment', undefined],
    ['by way of the snapshot', 4_000],
  ])('%s', async (_, maxSegmentBytes) => {
    const place = makePlace()
    const options = maxSegmentBytes === undefined ? {} : { maxSegmentBytes }
    const { ledger } = await openAt(place, options)
    const [long, silent, ended] = await Promise.all([1, 2, 3].map((n) => ledger.append(intent(n))))
    if (long === undefined || silent === undefined || ended === undefined) throw new Error('There are three.')
    await ledger.append(progress(1, long.seq, 1_000))
    await ledger.append(progress(3, ended.seq, 7))
    const newest = await ledger.append(progress(1, long.seq, 65_536))
    await ledger.append(outcome(3, ended.seq))
    // Enough that the progress stands in an older segment, where there are several.
    for (let n = 10; n < 22; n++) await oneCall(ledger, n, 'fraud')
    const left = copyOf(place)
    expect(segmentsOf(left).length).toBeGreaterThan(maxSegmentBytes === undefined ? 0 : 2)
    if (maxSegmentBytes !== undefined) {
      expect(readFileSync(join(left.directory, 'snapshot'), 'utf8')).toContain(
        `"progress":{"bytes":65536,"seq":${newest.seq}}`,
      )
      // Read from the first record it comes to the same.
      const verifier = makeVerifier(publishedVerifierKey(left.keys) ?? '')
      const quick = await recover(left.directory, LOG, verifier)
      const bare = copyOf(left)
      rmSync(join(bare.directory, 'snapshot'))
      expect((await recover(bare.directory, LOG, verifier)).chronicle.state()).toEqual(quick.chronicle.state())
    }
    const { recovered } = await openAt(left)
    expect(recovered.abandoned).toBe(2)
    expect((await ends(left)).map(({ of, body }) => [of, body])).toEqual([
      [long.seq, { reason: 'crash', progress: { seq: newest.seq, bytes: 65_536 } }],
      [silent.seq, { reason: 'crash', progress: null }],
    ])
    expect(await verifyAt(left)).toMatchObject({ status: 'verified', openIntents: 0 })
  })
})

test('progress of what is not open is refused', async () => {
  const { ledger } = await openAt(makePlace())
  const [begun] = await oneCall(ledger, 1)
  await expect(ledger.append(progress(1, begun.seq, 1))).rejects.toThrow('no such open intent')
})
