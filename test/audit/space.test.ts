import { existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLedgerWhenRoom } from '../../src/audit/index.ts'
import { RESERVE_BYTES, RESERVE_FILE } from '../../src/audit/reserve.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { allEntries, denied, intent, LOG, makePlace, openAt, type Place, verifyAt } from './kit.ts'
import { acknowledgements, idsOf, namespace, onVolume } from './volume.ts'

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

describe.skipIf(!namespace)('waiting for room', () => {
  const full = [100_000, 7, 1e9, 5000, -1e9, 5]
  // Where a torn write ends is chance: with a whole reserve what recovery cuts off and gives back may be room enough to make it again.
  const short = 'truncate -s 900K "$2/ledger/reserve"; cat /dev/zero > "$2/fill" 2> /dev/null; true'

  test('one process waits on a full volume, without writing, and opens when there is room', async () => {
    const more =
      'until [ "$(grep -c waiting "$out")" -ge 5 ] || ! kill -0 $child; do sleep 0.05; done; mount -o remount,size=16m "$2"'
    const { outputs, copy } = onVolume('3m', [full, short, [3, 1, 1e9, 5000, 0, 0, 1e6]], more)
    const [latched, waited] = outputs
    expect(latched?.at(-1)).toBe('--- 5')
    const waits = waited?.findIndex((line) => !line.startsWith('waiting ')) ?? 0
    expect(waits).toBeGreaterThanOrEqual(5)
    expect(new Set(waited?.slice(0, waits))).toEqual(new Set(['waiting ERR_LEDGER_UNAVAILABLE']))
    expect(waited?.[waits]).toMatch(/^opened /)
    expect(waited?.slice(-2)).toEqual(['closed', '--- 0'])
    // The first of its attempts closed what was open, from the reserve; the others left no trace.
    const kinds = (await allEntries(copy)).map(({ leaf }) => leaf.kind)
    expect(kinds.filter((kind) => kind === 'ledger.opened')).toHaveLength(3)
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0, epoch: 3 })
    const ids = await idsOf(copy)
    for (const lines of outputs) expect(acknowledgements(lines).filter((line) => !ids.has(line))).toEqual([])
    expect(statSync(join(copy.directory, RESERVE_FILE)).size).toBe(RESERVE_BYTES)
  })

  test('whoever is told to stop meanwhile stops, and what a crash left open is closed all the same', async () => {
    const { outputs, copy } = onVolume('3m', [full, short, [3, 1, 1e9, 5000, 0, 0, 3]])
    expect(outputs[1]).toEqual([...Array(3).fill('waiting ERR_LEDGER_UNAVAILABLE'), 'refused Error: gave up', '--- 4'])
    expect(await verifyAt(copy)).toMatchObject({ status: 'verified', openIntents: 0 })
  })
})

describe('waiting for room is not waiting for anything else', () => {
  const wait = (place: Place, signal = new AbortController().signal) =>
    openLedgerWhenRoom(
      { state: place.state, keys: place.keys, log: LOG },
      { signal, waiting: (error) => expect.unreachable(String(error)) },
    )

  test('with room it opens at once', async () => {
    const { ledger } = await wait(makePlace())
    await ledger.close()
  })

  test('a second writer, and damage, are told at once', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    expect(isCustomhouseError(await wait(place).catch((error: unknown) => error), 'ERR_LEDGER_LOCKED')).toBe(true)
    await ledger.close()
    rmSync(join(place.directory, 'checkpoint'))
    expect(isCustomhouseError(await wait(place).catch((error: unknown) => error), 'ERR_LEDGER_CORRUPT')).toBe(true)
  })

  test('told to stop before it began, it does nothing', async () => {
    const place = makePlace()
    await expect(wait(place, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
    expect(existsSync(place.state)).toBe(false)
  })
})

test('below the mark the gateway can still say what it does, and open calls how far they are', async () => {
  const place = makePlace()
  const first = await openAt(place)
  const { seq } = await first.ledger.append(intent(1))
  await first.ledger.close()
  const { ledger } = await openAt(place, { minFreeBytes: Number.MAX_SAFE_INTEGER })
  expect(seq).toBe(1)
  for (const kind of ['policy.activated', 'policy.rejected', 'config.activated', 'config.rejected'] as const)
    await ledger.append({ kind, tenant: '_gateway', call: null, body: {} })
  const refused = await ledger
    .append({ kind: 'access.refused', tenant: '_gateway', call: null, body: {} })
    .catch((error: unknown) => error)
  expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
})

test('a reserve that is taken away from a running gateway comes back', async () => {
  const place = makePlace()
  const reserve = join(place.directory, RESERVE_FILE)
  const { ledger } = await openAt(place)
  rmSync(reserve)
  await expect.poll(() => existsSync(reserve) && statSync(reserve).size, { timeout: 5_000 }).toBe(RESERVE_BYTES)
  expect(ledger.health()).toBe('ok')
})

test('how the log stands can be asked for', async () => {
  const place = makePlace()
  const { ledger, recovered } = await openAt(place, { checkpointEveryMs: 20 })
  const before = Date.now()
  const [begun] = await Promise.all([ledger.append(intent(1)), ledger.append(denied(2))])
  const pending = ledger.append(denied(3))
  expect(ledger.stats()).toMatchObject({ queue: 1, open: 1, size: 3, epoch: recovered.epoch, free: expect.any(Number) })
  await pending
  expect(begun.seq).toBe(1)
  await expect.poll(() => ledger.stats().checkpointSize).toBe(4)
  const { checkpointAt, ...stats } = ledger.stats()
  expect(stats).toMatchObject({ queue: 0, open: 1, size: 4 })
  expect(checkpointAt).toBeGreaterThanOrEqual(before)
  expect(checkpointAt).toBeLessThanOrEqual(Date.now())
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
