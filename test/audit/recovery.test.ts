import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkpointText, EMPTY_ROOT, makeVerifier, openLedger, publishedVerifierKey } from '../../src/audit/index.ts'
import { makeSigner } from '../../src/audit/note.ts'
import { recover } from '../../src/audit/recovery.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import type { Ledger } from '../../src/core/record.ts'
import { copyOf, linesOf } from './forge.ts'
import {
  allEntries,
  denied,
  intent,
  LOG,
  makePlace,
  makeSharedPlace,
  newestSegment,
  oneCall,
  openAt,
  outcome,
  type Place,
  segmentsOf,
  verifyAt,
} from './kit.ts'

/** A log as a crash leaves it: acknowledged, not closed; its last commit has three records. */
let crashed: Place
let before: number
let size: number

beforeAll(async () => {
  crashed = makeSharedPlace()
  const { ledger } = await openLedger({ state: crashed.state, keys: crashed.keys, log: LOG })
  await ledger.append(intent(1))
  await oneCall(ledger, 2)
  before = statSync(newestSegment(crashed)).size
  const { personal: _, ...plain } = intent(3)
  await Promise.all([ledger.append(plain), ledger.append(denied(4)), ledger.append(outcome(1, 1))])
  size = statSync(newestSegment(crashed)).size
  const copy = makeSharedPlace()
  // The copy is taken while the writer lives: nothing was closed in it.
  cpSync(crashed.state, copy.state, { recursive: true })
  cpSync(crashed.keys, copy.keys, { recursive: true })
  await ledger.close()
  crashed = copy
})

const verifierOf = (place: Place) => makeVerifier(publishedVerifierKey(place.keys) ?? '')
const refusal = (place: Place): Promise<unknown> => openAt(place).catch((error: unknown) => error)

describe('a start after a crash', () => {
  test('goes on where the log ends, in a new epoch, and abandons what was open', async () => {
    const place = copyOf(crashed)
    const { ledger, recovered } = await openAt(place)
    expect(recovered).toEqual({ epoch: 2, size: 9, abandoned: 1, torn: null, upgraded: null })
    expect(await ledger.append(denied(9))).toMatchObject({ seq: 9, tseq: 7 })
    await expect(ledger.append(outcome(3, 4))).rejects.toThrow('no such open intent')
    await ledger.close()
    const leaves = (await allEntries(place)).map(({ leaf }) => leaf)
    expect(leaves.slice(7, 9)).toMatchObject([
      { kind: 'call.abandoned', of: 4, call: leaves[4]?.call, tenant: 'claims', epoch: 2, body: { reason: 'crash' } },
      { kind: 'ledger.opened', epoch: 2, body: { abandoned: 1, torn: null } },
    ])
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', epoch: 2, openIntents: 0, size: 11 })
  })

  test('a tail torn at any byte of the last commit is cut off, all of it and nothing else', async () => {
    const place = copyOf(crashed)
    const whole = readFileSync(newestSegment(place))
    for (let end = before; end <= size; end++) {
      writeFileSync(newestSegment(place), whole.subarray(0, end))
      const { chronicle, segment, torn } = await recover(place.directory, LOG, verifierOf(place))
      const kept = end === size
      expect(chronicle.tree.size, `torn at ${end}`).toBe(kept ? 7 : 4)
      expect([...chronicle.open.keys()]).toEqual(kept ? [4] : [1])
      expect(segment?.bytes).toBe(kept ? size : before)
      expect(torn?.bytes ?? 0).toBe(kept ? 0 : end - before)
      expect(readFileSync(newestSegment(place))).toEqual(whole.subarray(0, kept ? size : before))
    }
  })

  test('a torn log opens, says so in the log, and verifies', async () => {
    for (const end of [before + 1, before + 60, size - 120, size - 1]) {
      const place = copyOf(crashed)
      truncateSync(newestSegment(place), end)
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', size: 4, uncommittedBytes: end - before })
      const { ledger, recovered } = await openAt(place)
      expect(recovered).toMatchObject({ abandoned: 1, torn: { from: before, bytes: end - before } })
      await ledger.close()
      expect((await allEntries(place)).at(5)?.leaf.body.torn).toEqual(recovered.torn)
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', size: 7, uncommittedBytes: 0 })
    }
  })

  test('holes of NUL in the last commit are a torn write, wherever they are', async () => {
    const place = copyOf(crashed)
    const whole = readFileSync(newestSegment(place))
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: before, max: size - 1 }),
        fc.integer({ min: 1, max: 4_096 }),
        async (from, length) => {
          const spoilt = Buffer.from(whole)
          spoilt.fill(0, from, Math.min(size, from + length))
          writeFileSync(newestSegment(place), spoilt)
          const { chronicle, torn } = await recover(place.directory, LOG, verifierOf(place))
          expect(chronicle.tree.size).toBe(4)
          expect(torn?.bytes).toBe(size - before)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('altered text in the last commit is no torn write: refused, and left as it is', async () => {
    const place = copyOf(crashed)
    const whole = readFileSync(newestSegment(place))
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: before, max: size - 2 }),
        fc.integer({ min: 1, max: 127 }),
        async (at, flip) => {
          const spoilt = Buffer.from(whole)
          const byte = (spoilt[at] ?? 0) ^ flip
          // A NUL is the test above.
          fc.pre(byte !== 0)
          spoilt[at] = byte
          writeFileSync(newestSegment(place), spoilt)
          const refused = await recover(place.directory, LOG, verifierOf(place)).catch((error: unknown) => error)
          expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
          expect(readFileSync(newestSegment(place))).toEqual(spoilt)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('damage before a later commit is refused, torn or not', async () => {
    const place = copyOf(crashed)
    const bytes = readFileSync(newestSegment(place))
    bytes.fill(0, before - 50, before - 20)
    writeFileSync(newestSegment(place), bytes)
    expect(isCustomhouseError(await refusal(place), 'ERR_LEDGER_CORRUPT')).toBe(true)
    expect(readFileSync(newestSegment(place))).toEqual(bytes)
  })

  test.each([
    ['half a line', '{"l":"', true],
    ['a line of another kind', '{"x":1}\n', false],
    ['a stray newline', '\n', false],
  ])('%s after the last commit: torn %s', async (_, text, isTorn) => {
    const place = copyOf(crashed)
    appendFileSync(newestSegment(place), text)
    const opened = await refusal(place)
    expect(isCustomhouseError(opened, 'ERR_LEDGER_CORRUPT')).toBe(!isTorn)
  })

  test('never cuts below what was signed', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    await oneCall(ledger, 1)
    await ledger.close()
    truncateSync(newestSegment(place), statSync(newestSegment(place)).size - 1)
    const refused = await refusal(place)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
    expect(String(refused)).toContain('rolled-back')
  })

  test('an unfinished file of a crash is removed', async () => {
    const place = copyOf(crashed)
    const stray = join(place.directory, '00000000000000000007.seg.unfinished')
    writeFileSync(stray, '{"h":')
    await openAt(place)
    expect(existsSync(stray)).toBe(false)
  })

  test('another log is not taken over', async () => {
    const refused = await openAt(copyOf(crashed), { log: 'other/n2' }).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
  })
})

describe('a checkpoint is there before the first record', () => {
  test('a new log has one of nothing before its first segment', async () => {
    const place = makePlace()
    const begun = openAt(place)
    // Names become durable in the order of the writer's jobs: whoever sees a segment must see a checkpoint.
    let seen = false
    while (!seen) {
      seen = existsSync(place.directory) && segmentsOf(place).length > 0
      if (seen) expect(existsSync(join(place.directory, 'checkpoint'))).toBe(true)
      await new Promise(setImmediate)
    }
    const { ledger } = await begun
    expect((await verifyAt(place)).signedSize).toBe(1)
    await ledger.close()
  })

  test('a crash between the two is a new log still', async () => {
    const place = makePlace()
    await (await openAt(place)).ledger.close()
    for (const segment of segmentsOf(place)) rmSync(join(place.directory, segment))
    signOldHead(place)
    rmSync(join(place.keys, 'ledger.head'))
    const { recovered } = await openAt(place)
    expect(recovered).toMatchObject({ epoch: 1, size: 1 })
  })

  test.each<[string, (place: Place) => void, 'incomplete' | 'tampered']>([
    ['as it is', () => undefined, 'incomplete'],
    ['cut at an earlier commit', (place) => truncateSync(newestSegment(place), before), 'incomplete'],
    [
      'cut to its header',
      (place) => truncateSync(newestSegment(place), readFileSync(newestSegment(place)).indexOf(10) + 1),
      // The keys folder knows of one record.
      'tampered',
    ],
  ])('a log without one is refused, and left as it is: %s', async (_, spoil, verdict) => {
    const place = copyOf(crashed)
    spoil(place)
    rmSync(join(place.directory, 'checkpoint'))
    const left = readFileSync(newestSegment(place))
    const refused = await refusal(place)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT')).toBe(true)
    expect(String(refused)).toContain('Put back the newest checkpoint')
    expect(readFileSync(newestSegment(place))).toEqual(left)
    expect(existsSync(join(place.directory, 'checkpoint'))).toBe(false)
    expect(await verifyAt(place)).toMatchObject({ status: verdict, signedSize: null })
  })

  test('a log and a checkpoint that are both old are taken for the present: only a head held elsewhere shows it', async () => {
    const place = copyOf(crashed)
    truncateSync(newestSegment(place), before)
    signOldHead(place)
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', size: 4 })
  })
})

/** The signed head of nothing, as every log had it once: what an old copy of the file would be. */
function signOldHead(place: Place): void {
  const signer = makeSigner(LOG, readFileSync(join(place.keys, 'ledger.pem'), 'utf8'))
  const note = signer.sign(checkpointText({ origin: LOG, size: 0, root: EMPTY_ROOT }))
  writeFileSync(join(place.directory, 'checkpoint'), note)
}

describe('segments and snapshots', () => {
  async function fill(ledger: Ledger, from: number, count: number): Promise<void> {
    for (let n = from; n < from + count; n++) await oneCall(ledger, n, `tenant-${n % 3}`)
  }

  test('a start needs the newest segment only, and comes to the same as one that reads all', async () => {
    const place = makePlace()
    const first = await openAt(place, { maxSegmentBytes: 5_000 })
    await first.ledger.append(intent(500, 'old'))
    await fill(first.ledger, 0, 30)
    const left = copyOf(place)
    const verifier = verifierOf(left)
    const quick = await recover(left.directory, LOG, verifier)
    // With the older segments gone it can only have come from the snapshot.
    const bare = copyOf(left)
    for (const segment of segmentsOf(bare).slice(0, -1)) rmSync(join(bare.directory, segment))
    expect((await recover(bare.directory, LOG, verifier)).chronicle.state()).toEqual(quick.chronicle.state())
    rmSync(join(left.directory, 'snapshot'))
    const slow = await recover(left.directory, LOG, verifier)
    expect(slow.chronicle.state()).toEqual(quick.chronicle.state())
    expect(quick.chronicle.state().open).toEqual([{ seq: 1, call: intent(500).call, tenant: 'old' }])
  })

  test.each<[string, (text: string) => string]>([
    ['edited', (text) => text.replace('"open":[', '"open":[{"call":"x","seq":2,"tenant":"y"},')],
    ['unsigned', (text) => text.slice(0, text.indexOf('\n\n') + 2)],
    ['empty', () => ''],
  ])('a snapshot that is %s is not used', async (_, spoil) => {
    const place = makePlace()
    const { ledger } = await openAt(place, { maxSegmentBytes: 5_000 })
    await fill(ledger, 0, 20)
    await ledger.close()
    const verifier = verifierOf(place)
    const good = await recover(place.directory, LOG, verifier)
    const snapshot = join(place.directory, 'snapshot')
    writeFileSync(snapshot, spoil(readFileSync(snapshot, 'utf8')))
    expect((await recover(place.directory, LOG, verifier)).chronicle.state()).toEqual(good.chronicle.state())
  })

  test('a crash between the seal and the next segment is mended', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { maxSegmentBytes: 5_000 })
    await fill(ledger, 0, 20)
    const left = copyOf(place)
    while (linesOf(newestSegment(left)).at(-1)?.startsWith('{"t":') !== true) rmSync(newestSegment(left))
    // The checkpoint of that moment was not yet written either: an older one is there.
    signOldHead(left)
    const segments = segmentsOf(left).length
    const opened = await openAt(left)
    expect(segmentsOf(left)).toHaveLength(segments + 1)
    await opened.ledger.close()
    expect((await verifyAt(left)).status).toBe('verified')
  })

  test('a trailer that is torn off is written again', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { maxSegmentBytes: 5_000 })
    await fill(ledger, 0, 20)
    const left = copyOf(place)
    while (linesOf(newestSegment(left)).at(-1)?.startsWith('{"t":') !== true) rmSync(newestSegment(left))
    signOldHead(left)
    truncateSync(newestSegment(left), statSync(newestSegment(left)).size - 20)
    const opened = await openAt(left, { maxSegmentBytes: 5_000 })
    await fill(opened.ledger, 100, 3)
    await opened.ledger.close()
    expect((await verifyAt(left)).status).toBe('verified')
  })

  test('epochs rise with every opening, and the log stays whole', async () => {
    const place = makePlace()
    for (let epoch = 1; epoch <= 5; epoch++) {
      const { ledger, recovered } = await openAt(place, { maxSegmentBytes: 2_000 })
      expect(recovered.epoch).toBe(epoch)
      await fill(ledger, epoch * 10, 3)
      await ledger.close()
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', epoch })
    }
  })

  test('checkpoints are signed while the log grows', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { checkpointEveryMs: 20 })
    await oneCall(ledger, 1)
    await expect.poll(async () => (await verifyAt(place)).signedSize).toBe(3)
  })
})

describe('one writer', () => {
  test('a second one is refused while the first lives', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    expect(isCustomhouseError(await refusal(place), 'ERR_LEDGER_LOCKED')).toBe(true)
    await oneCall(ledger, 1)
    await ledger.close()
    await (await openAt(place)).ledger.close()
    expect((await verifyAt(place)).status).toBe('verified')
  })

  test('a ledger that is closed takes nothing more', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    const last = ledger.append(denied(1))
    const closing = ledger.close()
    const refused = await ledger.append(denied(2)).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
    await closing
    await expect(last).resolves.toMatchObject({ seq: 1 })
    expect((await allEntries(place)).map(({ leaf }) => leaf.kind)).toEqual([
      'ledger.opened',
      'call.denied',
      'ledger.closed',
    ])
  })

  test.each(['', 'a b', 'a+b'])('%j cannot name a log', async (log) => {
    const refused = await openAt(makePlace(), { log }).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_CONFIG_INVALID')).toBe(true)
  })
})
