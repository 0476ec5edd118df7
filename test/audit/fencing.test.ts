import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf } from './forge.ts'
import { allEntries, denied, intent, makePlace, newestSegment, oneCall, openAt, segmentsOf, verifyAt } from './kit.ts'
import { acknowledged, inject, lost, startChild } from './process.ts'

const LOCK = 'lock'
/** More of them in the nightly run. */
const ROUNDS = Number(process.env.CUSTOMHOUSE_KILLS ?? 0) > 15 ? 20 : 2
const TAKEN = 'another writer took the log over'

describe('a writer whose lock file was removed', () => {
  test.each([
    [1, 1e9],
    [64, 1e9],
    [64, 20_000],
  ])(
    'under load of %i calls at once, segments of %i: it latches, the newer one goes on unharmed, the log verifies',
    async (lanes, segmentBytes) => {
      const place = makePlace()
      const acks = new Map<number, string>()
      for (let round = 1; round <= ROUNDS; round++) {
        const old = startChild(place, [1_000_000, lanes, segmentBytes])
        await vi.waitFor(() => expect(old.lines.length).toBeGreaterThan(round * 50), { timeout: 20_000 })
        rmSync(join(place.directory, LOCK))
        const newer = await startChild(place, [50, 4, segmentBytes]).ended
        const superseded = await old.ended
        expect(superseded.code).toBe(5)
        expect(superseded.lines.find((line) => line.startsWith('failed '))).toContain(TAKEN)
        expect(newer.lines[0]).toMatch(/^opened /)
        expect(newer.lines.at(-1)).toBe('closed')
        for (const { lines } of [superseded, newer]) {
          for (const [seq, id] of acknowledged(lines)) {
            expect(acks.has(seq), `seq ${seq} was given twice`).toBe(false)
            acks.set(seq, id)
          }
        }
        expect(await lost(place, acks)).toEqual([])
        expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0, epoch: round * 2 })
      }
    },
    120_000,
  )

  test('that is idle notices it by itself, and signs nothing more', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { checkpointEveryMs: 100 })
    await oneCall(ledger, 1)
    await expect.poll(() => ledger.stats().checkpointSize).toBe(3)
    rmSync(join(place.directory, LOCK))
    const newer = await startChild(place, [10, 1]).ended
    expect(newer.lines.at(-1)).toBe('closed')
    const left = readFileSync(join(place.directory, 'checkpoint'))
    expect(String(await ledger.failed)).toContain(TAKEN)
    await ledger.close()
    expect(readFileSync(join(place.directory, 'checkpoint'))).toEqual(left)
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', epoch: 2 })
  })

  const strace = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', process.execPath, '-e', '0']).status === 0
  if (!strace && process.env.CI === 'true') throw new Error('strace must work where CI=true')
  if (!strace) console.log('strace is not here or may not trace: no write is held up while another writer takes over.')

  test.skipIf(!strace)(
    'while its write is on the way: what comes late goes to a file without a name, and is not acknowledged',
    async () => {
      const place = makePlace()
      await (await openAt(place)).ledger.close()
      const segment = newestSegment(place)
      const old = startChild(place, [1_000, 1, 1e9, 20_000], inject(segment, 'write', 'delay_enter=3000000:when=10'))
      await vi.waitFor(() => expect(acknowledged(old.lines).size).toBe(8), { timeout: 20_000 })
      rmSync(join(place.directory, LOCK))
      const before = statSync(segment).ino
      const newer = await startChild(place, [20, 1, 1e9]).ended
      expect(newer.lines.at(-1)).toBe('closed')
      expect(statSync(segment).ino).not.toBe(before)
      const superseded = await old.ended
      expect(superseded.lines.find((line) => line.startsWith('failed '))).toContain(TAKEN)
      expect(acknowledged(superseded.lines).size).toBe(8)
      expect(await lost(place, acknowledged(superseded.lines))).toEqual([])
      expect(await lost(place, acknowledged(newer.lines))).toEqual([])
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0, epoch: 3 })
    },
    60_000,
  )
})

test('a segment that cannot be copied: nothing is opened, and the next start tries again', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place)
  await oneCall(ledger, 1)
  rmSync(join(place.directory, LOCK))
  const before = statSync(newestSegment(place)).ino
  mkdirSync(`${newestSegment(place)}.unfinished`)
  const refused = await openAt(place).catch((error: unknown) => error)
  expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
  expect(existsSync(join(place.directory, LOCK))).toBe(false)
  await openAt(place)
  expect(statSync(newestSegment(place)).ino).not.toBe(before)
  expect(String(await ledger.failed)).toContain(TAKEN)
  expect(await verifyAt(place)).toMatchObject({ status: 'verified', epoch: 2 })
})

test('a lock that the file system does not keep: whoever finds more in its segment than it wrote adds nothing', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place)
  await oneCall(ledger, 1)
  // The bytes of a true successor: another process went on in a copy of this log.
  const copy = copyOf(place)
  await startChild(copy, [5, 1, 1e9]).ended
  const written = statSync(newestSegment(place)).size
  appendFileSync(newestSegment(place), readFileSync(newestSegment(copy)).subarray(written))
  const left = readFileSync(newestSegment(place))
  const refused = await Promise.allSettled([ledger.append(intent(2)), ledger.append(denied(3))])
  expect(refused.map((end) => end.status === 'rejected' && isCustomhouseError(end.reason))).toEqual([true, true])
  expect(String(await ledger.failed)).toContain(TAKEN)
  await ledger.close()
  expect(readFileSync(newestSegment(place))).toEqual(left)
  expect(segmentsOf(place)).toHaveLength(1)
  expect((await allEntries(place)).at(-1)?.leaf).toMatchObject({ kind: 'ledger.closed', epoch: 2 })
})
