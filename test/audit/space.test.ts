import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RESERVE_BYTES, RESERVE_FILE } from '../../src/audit/reserve.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { allEntries, denied, intent, makePlace, openAt, type Place, placeIn, verifyAt } from './kit.ts'

/** A volume of our own, in a mount namespace that dies with the script. What is in it at the end is copied out. */
const namespace = spawnSync('unshare', ['-rm', 'true']).status === 0
if (!namespace && process.env.CI === 'true') throw new Error('unshare must work where CI=true')
if (!namespace) console.log('unshare is not here or not allowed: nothing is run on a full volume.')

/** Runs `test/audit/child.ts` once for each list of arguments, one after the other, on a volume of `size`. */
function onVolume(size: string, runs: readonly (readonly (string | number)[])[]): { outputs: string[][]; copy: Place } {
  const place = makePlace()
  const root = dirname(place.state)
  mkdirSync(place.state)
  const copy = placeIn(join(root, 'copy'))
  const children = runs.map((args) => `"$0" "$1" "$2" "$3" ${args.join(' ')}; echo "--- $?"`)
  const script = [
    `mount -t tmpfs -o size=${size} tmpfs "$2"`,
    ...children,
    'mkdir "$4"',
    'cp -r "$2" "$4"',
    'cp -r "$3" "$4"',
  ].join('\n')
  const child = join(import.meta.dirname, 'child.ts')
  const run = spawnSync(
    'unshare',
    ['-rm', 'bash', '-c', script, process.execPath, child, place.state, place.keys, dirname(copy.state)],
    { encoding: 'utf8', maxBuffer: 1e8 },
  )
  expect(run.status, run.stderr).toBe(0)
  return { outputs: run.stdout.split(/(?<=^--- \d+)\n/m).map((text) => text.split('\n').filter(Boolean)), copy }
}

function acknowledgements(lines: readonly string[] | undefined): string[] {
  return (lines ?? []).filter((line) => line.startsWith('ack '))
}

async function idsOf(place: Place): Promise<Set<string>> {
  return new Set((await allEntries(place)).map(({ leaf }) => `ack ${leaf.seq} ${leaf.id}`))
}

describe.skipIf(!namespace)('a volume that fills up', () => {
  test('without a mark: ENOSPC latches, the next start closes what is open from the reserve, and begins nothing', async () => {
    const { outputs, copy } = onVolume('3m', [[100_000, 7, 1e9, 5000, -1e9, 5], [0], [0]])
    const [full, second, third] = outputs
    expect(full?.find((line) => line.startsWith('failed '))).toMatch(/ENOSPC|no space/)
    expect(full?.at(-1)).toBe('--- 5')
    expect(acknowledgements(full).length).toBeGreaterThan(500)
    // What could not be begun is said; what a crash left open is closed all the same.
    expect(second).toEqual(['refused ERR_LEDGER_UNAVAILABLE', '--- 4'])
    expect(third).toEqual(['refused ERR_LEDGER_UNAVAILABLE', '--- 4'])
    const ids = await idsOf(copy)
    expect(acknowledgements(full).filter((line) => !ids.has(line))).toEqual([])
    const leaves = (await allEntries(copy)).map(({ leaf }) => leaf)
    expect(leaves.filter(({ kind }) => kind === 'ledger.opened')).toHaveLength(2)
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0 })
    // With room again it goes on.
    const { ledger } = await openAt(copy)
    await ledger.append(denied(1))
  })

  test('with a mark: new calls are refused, open ones are closed, nothing latches', async () => {
    const { outputs, copy } = onVolume('4m', [
      [100_000, 7, 1e9, 5000, 1_500_000],
      [3, 1, 1e9, 5000, 0],
    ])
    const [low, again] = outputs
    expect(low?.filter((line) => line.startsWith('failed '))).toEqual([])
    expect(low).toContain('rejected ERR_LEDGER_UNAVAILABLE')
    expect(low).toContain('health ERR_LEDGER_UNAVAILABLE')
    const ids = await idsOf(copy)
    expect([...acknowledgements(low), ...acknowledgements(again)].filter((line) => !ids.has(line))).toEqual([])
    expect(again?.at(-2)).toBe('closed')
    const leaves = (await allEntries(copy)).map(({ leaf }) => leaf)
    expect(leaves.filter(({ kind }) => kind === 'call.abandoned')).toEqual([])
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0 })
  })
})

test('a mark that is not reached refuses what begins, and takes what ends', async () => {
  const place = makePlace()
  const first = await openAt(place)
  await first.ledger.append(intent(1))
  await first.ledger.close()
  const { ledger } = await openAt(place, { minFreeBytes: Number.MAX_SAFE_INTEGER })
  // The first commit told how much is free.
  for (const draft of [intent(2), denied(3)]) {
    const refused = await ledger.append(draft).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
  }
  expect(ledger.health()).toBeInstanceOf(Error)
  await ledger.close()
  expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0 })
})

test('the reserve is real room, and comes back when it was given away', async () => {
  const place = makePlace()
  const reserve = join(place.directory, RESERVE_FILE)
  await (await openAt(place)).ledger.close()
  expect(statSync(reserve)).toMatchObject({ size: RESERVE_BYTES })
  expect(statSync(reserve).blocks * 512).toBeGreaterThanOrEqual(RESERVE_BYTES)
  rmSync(reserve)
  await openAt(place)
  expect(existsSync(reserve)).toBe(true)
})
