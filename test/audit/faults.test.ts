import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { copyOf } from './forge.ts'
import { denied, intent, makePlace, newestSegment, oneCall, openAt, verifyAt } from './kit.ts'
import { acknowledged, inject, lost, startChild } from './process.ts'

/** More of them in the nightly run. */
const KILLS = Number(process.env.CUSTOMHOUSE_KILLS ?? 15)
describe('kill -9', () => {
  test(
    'no acknowledged record is lost, doubled or changed, over many kills of one log',
    async () => {
      const place = makePlace()
      const acks = new Map<number, string>()
      let abandoned = 0
      for (let round = 0; round < KILLS; round++) {
        const { child, lines, ended } = startChild(place, [1_000_000, 1 + (round % 4) * 20])
        await vi.waitFor(() => expect(lines.length).toBeGreaterThan(2), { timeout: 20_000 })
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
        child.kill('SIGKILL')
        const run = await ended
        expect(run.signal).toBe('SIGKILL')
        for (const [seq, id] of acknowledged(run.lines)) {
          expect(acks.has(seq), `seq ${seq} was given twice`).toBe(false)
          acks.set(seq, id)
        }
        abandoned += Number(/"abandoned":(\d+)/.exec(run.lines[0] ?? '')?.[1])
        expect(await lost(place, acks)).toEqual([])
        expect((await verifyAt(place)).status).toBe('verified')
      }
      const { ledger } = await openAt(place)
      await ledger.close()
      expect(await lost(place, acks)).toEqual([])
      expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0, epoch: KILLS + 1 })
      expect(abandoned).toBeGreaterThan(0)
      console.log(`${KILLS} kills, ${acks.size} acknowledged, 0 lost, ${abandoned} abandoned by the next start`)
    },
    60_000 + KILLS * 2_000,
  )
})

const strace = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', process.execPath, '-e', '0']).status === 0
if (!strace && process.env.CI === 'true') throw new Error('strace must work where CI=true')
if (!strace) console.log('strace is not here or may not trace: faults at the system calls are not injected.')

describe.skipIf(!strace)('errors of the real system calls', () => {
  const SEGMENT = '00000000000000000000.seg'

  test.each([
    ['fdatasync fails once with EIO', SEGMENT, 'fdatasync', 'error=EIO:when=4'],
    ['fdatasync fails with ENOSPC', SEGMENT, 'fdatasync', 'error=ENOSPC:when=3+'],
    ['write fails with ENOSPC', SEGMENT, 'write', 'error=ENOSPC:when=5'],
    ['write fails once with EIO', SEGMENT, 'write', 'error=EIO:when=2'],
    ['write takes nothing', SEGMENT, 'write', 'retval=0:when=6'],
  ])('%s: latched, nothing more is acknowledged, nothing acknowledged is lost', async (_, file, call, fault) => {
    const place = makePlace()
    const { ended } = startChild(place, [5_000, 8, 1e9], inject(join(place.directory, file), call, fault))
    const run = await ended
    expect(run.code).toBe(5)
    const failure = run.lines.findIndex((line) => line.startsWith('failed ') || line.startsWith('rejected '))
    expect(run.lines[failure]).toContain('ERR_LEDGER_UNAVAILABLE')
    expect(run.lines.slice(failure).filter((line) => line.startsWith('ack '))).toEqual([])
    expect(run.lines.filter((line) => line.startsWith('again '))).toEqual(Array(3).fill('again ERR_LEDGER_UNAVAILABLE'))
    expect(run.lines).toContain('health ERR_LEDGER_UNAVAILABLE')
    const acks = acknowledged(run.lines)
    expect(await lost(place, acks)).toEqual([])
    const { ledger } = await openAt(place)
    await ledger.close()
    expect(await lost(place, acks)).toEqual([])
    expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0 })
  })

  test('a failing rename at the seal latches as well', async () => {
    const place = makePlace()
    const { ended } = startChild(
      place,
      [5_000, 8, 20_000],
      ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=rename', '-e', 'inject=rename:error=EIO:when=7+'],
    )
    const run = await ended
    expect(run.code).toBe(5)
    expect(await lost(place, acknowledged(run.lines))).toEqual([])
    const { ledger } = await openAt(place)
    await ledger.close()
    expect((await verifyAt(place)).status).toBe('verified')
  })

  test('a disk that hangs is an error after the deadline', async () => {
    const place = makePlace()
    const began = performance.now()
    const { ended } = startChild(
      place,
      [50, 1, 1e9, 400],
      inject(join(place.directory, SEGMENT), 'fdatasync', 'delay_enter=3000000:when=4'),
    )
    const run = await ended
    expect(run.lines.find((line) => line.startsWith('failed '))).toContain('not durable within 400 ms')
    expect(run.code).toBe(5)
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  test('killed inside each of the calls that make a commit, a seal and a checkpoint', async () => {
    for (const call of ['write', 'fdatasync', 'fsync', 'rename']) {
      for (const when of KILLS > 15 ? Array.from({ length: 9 }, (_, i) => i + 1) : [1, 3, 9]) {
        const place = makePlace()
        await (await openAt(place)).ledger.close()
        const scope = call === 'write' ? ['-P', newestSegment(place)] : []
        const { ended } = startChild(
          place,
          [400, 4, 20_000],
          [
            'strace',
            '-f',
            '-qq',
            '-o',
            '/dev/null',
            ...scope,
            '-e',
            `trace=${call}`,
            '-e',
            `inject=${call}:signal=KILL:when=${when}`,
          ],
        )
        const run = await ended
        expect(run.lines, `${call} ${when}`).not.toContain('closed')
        const { ledger } = await openAt(place)
        await ledger.close()
        expect(await lost(place, acknowledged(run.lines)), `${call} ${when}`).toEqual([])
        expect(await verifyAt(place), `${call} ${when}`).toMatchObject({ status: 'verified', openIntents: 0 })
      }
    }
  }, 240_000)
})

test('a full disk: the short write is tried again, then latched, and the next start cuts the torn tail', async () => {
  const place = makePlace()
  // A limit on the size of files gives what a full disk gives: a write that takes a part, then an error. In KiB: more than the reserve.
  const { ended } = startChild(
    place,
    [100_000, 64, 1e9],
    ['bash', '-c', 'trap "" XFSZ; ulimit -f 1500; exec "$0" "$@"'],
  )
  const run = await ended
  expect(run.code).toBe(5)
  const limit = readFileSync(newestSegment(place)).length
  expect(limit).toBe(1500 * 1024)
  const acks = acknowledged(run.lines)
  expect(acks.size).toBeGreaterThan(100)
  expect(await lost(place, acks)).toEqual([])
  const { ledger, recovered } = await openAt(place)
  expect(recovered.torn?.bytes).toBeGreaterThan(0)
  await ledger.close()
  expect(await lost(place, acks)).toEqual([])
  expect(await verifyAt(place)).toMatchObject({ status: 'verified', openIntents: 0 })
})

describe('the file under the writer', () => {
  const spoilings: readonly [string, (path: string) => void][] = [
    ['removed', (path) => rmSync(path)],
    ['moved away', (path) => renameSync(path, `${path}.old`)],
    [
      'replaced by a copy',
      (path) => {
        cpSync(path, `${path}.copy`)
        renameSync(`${path}.copy`, path)
      },
    ],
    ['truncated', (path) => truncateSync(path, 10)],
    ['written to by another', (path) => writeFileSync(path, 'x', { flag: 'a' })],
  ]
  test.each(spoilings)('%s: the next append is refused, not acknowledged', async (_, spoil) => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    await oneCall(ledger, 1)
    const path = newestSegment(place)
    spoil(path)
    const left = existsSync(path) ? readFileSync(path) : null
    const refused = await ledger.append(denied(2)).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
    expect(ledger.health()).toBe(await ledger.failed)
    // Nothing was added to what another has made of it.
    expect(existsSync(path) ? readFileSync(path) : null).toEqual(left)
  })

  test.each(spoilings)(
    '%s: noticed within a second or two, also when nothing is written',
    async (_, spoil) => {
      const place = makePlace()
      const { ledger } = await openAt(place)
      spoil(newestSegment(place))
      expect(isCustomhouseError(await ledger.failed, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
    },
    10_000,
  )
})

test('a writer that dies latches the ledger', async () => {
  const seen: Worker[] = []
  const postMessage = Worker.prototype.postMessage
  Worker.prototype.postMessage = function (this: Worker, ...args: Parameters<typeof postMessage>) {
    seen.push(this)
    postMessage.apply(this, args)
  }
  onTestFinished(() => {
    Worker.prototype.postMessage = postMessage
  })
  const { ledger } = await openAt(makePlace())
  await ledger.append(intent(1))
  await seen[0]?.terminate()
  expect(isCustomhouseError(await ledger.failed, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
  await expect(ledger.append(intent(2))).rejects.toThrow('cannot be written')
})

test('a key that cannot be made latches: nothing personal is recorded unsealed', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place)
  rmSync(join(place.keys, 'content'), { recursive: true })
  writeFileSync(join(place.keys, 'content'), '')
  const refused = await ledger.append(intent(1)).catch((error: unknown) => error)
  expect(isCustomhouseError(refused, 'ERR_LEDGER_UNAVAILABLE')).toBe(true)
  expect(ledger.health()).toBeInstanceOf(Error)
})

test('of several that start at once, one writes', async () => {
  const place = makePlace()
  const runs = Array.from({ length: 4 }, () => startChild(place, [1_000_000, 1]))
  await vi.waitFor(() => expect(runs.every(({ lines }) => lines.length > 0)).toBe(true), { timeout: 30_000 })
  for (const { child } of runs) child.kill('SIGKILL')
  const first = (await Promise.all(runs.map(({ ended }) => ended))).map(({ lines }) => lines[0] ?? '')
  expect(first.filter((line) => line.startsWith('opened '))).toHaveLength(1)
  expect(first.filter((line) => line === 'refused ERR_LEDGER_LOCKED')).toHaveLength(3)
  expect((await verifyAt(place)).status).toBe('verified')
})

test('a process that is killed leaves no lock behind', async () => {
  const place = makePlace()
  const { child, lines, ended } = startChild(place, [1_000_000, 1])
  await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), { timeout: 20_000 })
  const second = await startChild(place, [1, 1]).ended
  expect(second.lines).toEqual(['refused ERR_LEDGER_LOCKED'])
  child.kill('SIGKILL')
  await ended
  expect((await startChild(place, [1, 1]).ended).lines.at(-1)).toBe('closed')
  expect((await verifyAt(copyOf(place))).status).toBe('verified')
})
