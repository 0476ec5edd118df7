import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RESERVE_FILE } from '../../src/audit/reserve.ts'
import { allEntries, makePlace, newestSegment, openAt, verifyAt } from './kit.ts'
import { inject, startChild } from './process.ts'
import { acknowledgements, idsOf, namespace, onVolume } from './volume.ts'

/** The folder of the keys on a volume of its own that is full, or read-only; and starts that find out only late that they have no room. */

const FILL = 'head -c 4M /dev/zero > "$3/fill" 2> "$2.err" || true'
const SIZES = 'stat -c %s "$2"/ledger/*.seg; echo "--- 0"'
/** Finds no room 20 times, and gives up. */
const TWENTY = [3, 1, 1e9, 5000, 0, 0, 20] as const
const waited = [...Array(20).fill('waiting ERR_LEDGER_UNAVAILABLE'), 'refused Error: gave up', '--- 4']

describe.skipIf(!namespace)('a volume of the keys that is full', () => {
  test('at the start: twenty attempts append nothing, and it goes on when there is room', async () => {
    const { outputs, copy } = onVolume(
      '256k',
      [[3, 1, 1e9], FILL, SIZES, TWENTY, SIZES, 'rm "$3/fill"', [3, 1, 1e9]],
      '',
      'keys',
    )
    const [, before, twenty, after, last] = outputs
    expect(twenty).toEqual(waited)
    expect(after).toEqual(before)
    expect(last?.slice(-2)).toEqual(['closed', '--- 0'])
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0, epoch: 2 })
  })

  test('under load: new calls are refused, open ones are closed, nothing latches, also not at a seal', async () => {
    const fill = `until [ "$(grep -c ^ack "$out")" -ge 100 ]; do sleep 0.05; done; ${FILL}`
    const { outputs, copy } = onVolume('256k', [[1_000_000, 7, 20_000]], fill, 'keys')
    const [run] = outputs
    expect(run?.filter((line) => line.startsWith('failed '))).toEqual([])
    expect(run).toContain('rejected ERR_LEDGER_UNAVAILABLE')
    expect(run).toContain('health ERR_LEDGER_UNAVAILABLE')
    const ids = await idsOf(copy)
    expect(acknowledgements(run).filter((line) => !ids.has(line))).toEqual([])
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0 })
    rmSync(join(copy.keys, 'fill'))
    await openAt(copy)
  })

  test('read-only at the start: refused with what to do, and nothing is appended', async () => {
    const readOnly = 'mount -o remount,ro "$3"'
    const { outputs } = onVolume('256k', [[3, 1, 1e9], readOnly, SIZES, [3, 1, 1e9], SIZES], '', 'keys')
    const [, before, refused, after] = outputs
    expect(refused).toEqual(['refused ERR_KEYS_STORE', '--- 4'])
    expect(after).toEqual(before)
  })
})

const strace = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', process.execPath, '-e', '0']).status === 0
if (!strace && process.env.CI === 'true') throw new Error('strace must work where CI=true')
if (!strace) console.log('strace is not here or may not trace: no quota is exceeded.')

describe.skipIf(!strace)('a quota, of which the file system says nothing before it is exceeded', () => {
  test.each<[string, (place: ReturnType<typeof makePlace>) => string]>([
    ['the reserve', ({ directory }) => join(directory, `${RESERVE_FILE}.unfinished`)],
    ['what the opening itself writes', ({ directory }) => join(directory, 'probe.unfinished')],
  ])('at %s: twenty attempts append nothing', async (_, file) => {
    const place = makePlace()
    await (await openAt(place)).ledger.close()
    rmSync(join(place.directory, RESERVE_FILE))
    const before = statSync(newestSegment(place)).size
    const run = await startChild(place, TWENTY, inject(file(place), 'write', 'error=EDQUOT:when=1+')).ended
    expect(run.lines).toEqual(waited.slice(0, -1))
    expect(statSync(newestSegment(place)).size).toBe(before)
    await (await openAt(place)).ledger.close()
    expect((await allEntries(place)).map(({ leaf }) => leaf.kind)).toEqual(
      Array(2).fill(['ledger.opened', 'ledger.closed']).flat(),
    )
  })
})
