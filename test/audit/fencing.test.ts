import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf } from './forge.ts'
import {
  allEntries,
  denied,
  intent,
  LOG,
  makePlace,
  newestSegment,
  oneCall,
  openAt,
  type Place,
  segmentsOf,
  verifyAt,
} from './kit.ts'
import { acknowledged, inject, lost, startChild } from './process.ts'

/** Both locks of a writer go, as somebody takes them away: removed, or replaced by a file that looks the same. */
type Loss = 'removed' | 'replaced'
const lockOf = ({ directory }: Place): string => join(directory, 'lock')
const keysLockOf = ({ keys }: Place): string => join(keys, `ledger.${encodeURIComponent(LOG)}.lock`)
function loseLocks(place: Place, loss: Loss = 'removed'): void {
  for (const path of [lockOf(place), keysLockOf(place)]) {
    rmSync(path, { force: true })
    if (loss === 'removed') continue
    writeFileSync(`${path}.other`, '')
    renameSync(`${path}.other`, path)
  }
}
const headOf = (place: Place): string => readFileSync(join(place.keys, 'ledger.head'), 'utf8')
const checkpointOf = (place: Place): string => readFileSync(join(place.directory, 'checkpoint'), 'utf8')

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
        loseLocks(place)
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
    loseLocks(place)
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

  test.skipIf(!strace).each<Loss>(['removed', 'replaced'])(
    'while its write is on the way, %s: what comes late goes to a file without a name, and is not acknowledged',
    async (loss) => {
      const place = makePlace()
      await (await openAt(place)).ledger.close()
      const segment = newestSegment(place)
      const old = startChild(place, [1_000, 1, 1e9, 20_000], inject(segment, 'write', 'delay_enter=3000000:when=10'))
      await vi.waitFor(() => expect(acknowledged(old.lines).size).toBe(8), { timeout: 20_000 })
      loseLocks(place, loss)
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

  test.skipIf(!strace)(
    'in the middle of a seal: it puts no segment, checkpoint or head in the place of newer ones',
    async () => {
      const place = makePlace()
      await (await openAt(place)).ledger.close()
      // Every commit seals: the first of the opening makes the segment that begins at 3.
      const next = join(place.directory, `${'3'.padStart(20, '0')}.seg.unfinished`)
      const old = startChild(place, [5, 1, 1, 20_000], inject(next, 'openat', 'delay_enter=4000000:when=1'))
      await vi.waitFor(() => expect(readFileSync(newestSegment(place), 'utf8')).toContain('{"t":'), { timeout: 20_000 })
      await vi.waitFor(() => expect(existsSync(join(place.directory, 'snapshot'))).toBe(true), { timeout: 20_000 })
      loseLocks(place)
      const newer = await startChild(place, [100, 1, 1e9]).ended
      expect(newer.lines.at(-1)).toBe('closed')
      const [head, checkpoint] = [headOf(place), checkpointOf(place)]
      expect((await old.ended).lines).toEqual(['refused ERR_LEDGER_UNAVAILABLE'])
      expect([headOf(place), checkpointOf(place)]).toEqual([head, checkpoint])
      expect(await lost(place, acknowledged(newer.lines))).toEqual([])
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0, epoch: 3 })
    },
    60_000,
  )

  test.skipIf(!strace)(
    'while it writes the head beside the keys: the newer head stays, and an older state is not accepted',
    async () => {
      const place = makePlace()
      await (await openAt(place)).ledger.close()
      const half = join(place.keys, 'ledger.head.unfinished')
      const old = startChild(place, [5, 1, 1e9, 20_000], inject(half, 'openat', 'delay_enter=4000000:when=1'))
      const before = checkpointOf(place)
      await vi.waitFor(() => expect(checkpointOf(place)).not.toBe(before), { timeout: 20_000 })
      const backup = copyOf(place)
      loseLocks(place)
      const newer = await startChild(place, [100, 1, 1e9]).ended
      expect(newer.lines.at(-1)).toBe('closed')
      const head = headOf(place)
      expect((await old.ended).lines).toEqual(['refused ERR_LEDGER_UNAVAILABLE'])
      expect(headOf(place)).toBe(head)
      expect((await verifyAt(place)).status).toBe('verified')
      rmSync(place.state, { recursive: true })
      cpSync(backup.state, place.state, { recursive: true })
      const refused = await openAt(place).catch((error: unknown) => error)
      expect(isCustomhouseError(refused, 'ERR_LEDGER_CORRUPT') && refused.detail.kind).toBe('rolled-back')
    },
    60_000,
  )
})

describe('the lock in the keys folder', () => {
  test.each<[string, (place: Place) => Place]>([
    [
      'a state whose own lock is gone',
      (place) => {
        rmSync(lockOf(place))
        return place
      },
    ],
    ['a copy of the state', (place) => ({ ...copyOf(place), keys: place.keys })],
  ])('keeps a second writer from %s, and nothing is appended', async (_, other) => {
    const place = makePlace()
    const first = startChild(place, [1_000_000, 1, 1e9])
    await vi.waitFor(() => expect(acknowledged(first.lines).size).toBeGreaterThan(8), { timeout: 20_000 })
    // Held up for so long that everybody takes it for dead.
    first.child.kill('SIGSTOP')
    const second = other(place)
    const left = readFileSync(newestSegment(second))
    expect((await startChild(second, [5, 1]).ended).lines).toEqual(['refused ERR_LEDGER_LOCKED'])
    expect(readFileSync(newestSegment(second))).toEqual(left)
  })

  test("is a log's own: two logs may share the keys", async () => {
    const place = makePlace()
    await openAt(place)
    await openAt({ ...makePlace(), keys: place.keys }, { log: 'bank.example/n2' })
  })

  test.each<Loss>(['removed', 'replaced'])('%s, it latches within a second or two', async (loss) => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    rmSync(keysLockOf(place))
    if (loss === 'replaced') writeFileSync(keysLockOf(place), '')
    expect(String(await ledger.failed)).toContain(TAKEN)
  })
})

test('a head that knows of more than this writer is not replaced: the ledger latches', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place, { checkpointEveryMs: 200 })
  const ahead = checkpointOf(place).replace(/\n1\n/, '\n1000\n')
  writeFileSync(join(place.keys, 'ledger.head'), ahead)
  await ledger.append(denied(1))
  expect(String(await ledger.failed)).toContain(TAKEN)
  expect(headOf(place)).toBe(ahead)
})

test('a segment that cannot be copied: nothing is opened, and the next start tries again', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place)
  await oneCall(ledger, 1)
  loseLocks(place)
  const before = statSync(newestSegment(place)).ino
  mkdirSync(`${newestSegment(place)}.unfinished`)
  const refused = await openAt(place).catch((error: unknown) => error)
  expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
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
