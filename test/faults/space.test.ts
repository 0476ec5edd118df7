import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { readEntries } from '../../src/audit/reader.ts'
import type { Json } from '../../src/core/json.ts'
import type { AuditRecord } from '../../src/core/record.ts'
import { LONG } from '../e2e/table.ts'
import { type Served, serve } from '../serve.ts'
import { freePort, layBorder, verdictOn } from './matrix/border.ts'
import { expectEnd, expectRefusal, expectWhole, type Heard, hasEnded, UNRECORDED } from './matrix/native.ts'
import { held, speak } from './matrix/rows.ts'
import { allBegan, allHeard, byColumn, ENV, endingsOf, man, type Outpost, SEATS, type Seat } from './matrix/seats.ts'
import { canLoop, canMount, mountDisk, mountTmpfs, type Volume } from './matrix/volume.ts'

/**
 * A small volume that fills up, runs out of inodes, or turns read-only under the shipped process, while clients of every dialect call, whole and
 * streamed, over HTTP/1.1 and h2c. Whatever happens: what a client saw finished is on record, each intent is closed once, nothing was sent
 * unrecorded, and the service comes back by itself, without a restart loop.
 */

const MIN_FREE = 2 * 1024 * 1024

type Post = Outpost &
  Readonly<{
    volume: Volume
    admin: string
    /** Starts the gateway once more, as a supervisor does; resolves when it listens. */
    again(spawned: (child: Served['child']) => void): Promise<Served>
  }>

const undo: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A gateway whose state is on a volume of its own, and that has served everybody once. */
async function open(mount: (state: string, beside: string) => Promise<Volume>, audit: Json = {}): Promise<Post> {
  const admin = await freePort()
  const laid = await layBorder({
    listen: { data: '127.0.0.1:0', admin: `127.0.0.1:${admin}` },
    audit: { log: 'test/space', min_free: '2MiB', ...(audit as Record<string, Json>) },
  })
  const volume = await mount(laid.ground.state, laid.ground.folder)
  undo.push(volume.close)
  const options = { tracer: volume.enter, env: ENV }
  const outpost = await man(laid, await serve(laid.ground, options))
  undo.push(outpost.close)
  const again = (spawned: (child: Served['child']) => void): Promise<Served> =>
    serve(laid.ground, {
      ...options,
      spawned: (child) => {
        undo.push(async () => {
          const gone = new Promise((resolve) => child.once('exit', resolve))
          if (child.exitCode === null && child.kill('SIGKILL')) await gone
        })
        spawned(child)
      },
    })
  return { ...outpost, volume, admin: `http://127.0.0.1:${admin}`, again }
}

async function records({ volume }: Post): Promise<readonly AuditRecord[]> {
  const all: AuditRecord[] = []
  const onDamage = (damage: { message: string }): never => {
    throw new Error(damage.message)
  }
  for await (const { leaf } of readEntries(`${volume.at}/ledger`, { onDamage })) all.push(leaf)
  return all
}

/** Status and text of the readiness probe; 0 where nobody listens. */
async function ready({ admin }: Post): Promise<string> {
  const answer = await fetch(`${admin}/readyz?verbose`).catch(() => null)
  return answer === null ? '0' : `${answer.status} ${await answer.text()}`
}

/** The journals of the clients, of the provider and of the ledger, side by side. */
async function agree(post: Post, heard: readonly ReadonlyMap<Seat, Heard>[]): Promise<void> {
  const all = await records(post)
  const complete = new Set(all.filter(({ body }) => body.ending === 'complete').map(({ call }) => call))
  const finished = heard.flatMap((map) => [...map].filter(([{ column }, one]) => hasEnded(column, one)))
  expect(finished.filter(([, { call }]) => !complete.has(call))).toEqual([])
  for (const seat of SEATS) endingsOf(all, seat, 'alone')
  const intents = all.filter(({ kind }) => kind === 'call.intent').length
  expect(post.upstreams.reached()[0]).toBeLessThanOrEqual(intents)
  expect(await verdictOn({ ...post.ground, state: post.volume.at })).toBe('verified')
}

/** Calls of all seats, half of each answer there. */
async function halfway(post: Post, gate: Promise<unknown>) {
  const before = post.upstreams.reached()[0]
  post.upstreams.one.script(byColumn((column) => held(column, gate)))
  const asking = post.crowd.call()
  await post.upstreams.one.waitFor(before + SEATS.length)
  await allBegan(asking)
  return asking
}

/** Everybody is served again. */
async function works(post: Post, served: Served): Promise<ReadonlyMap<Seat, Heard>> {
  const next = await man(post, served)
  const heard = await allHeard(next.crowd.call())
  for (const [{ column }, one] of heard) expectWhole(column, one, LONG)
  await next.crowd.close()
  return heard
}

async function stopped(served: Served): Promise<void> {
  served.child.kill('SIGTERM')
  expect(await served.exited).toBe(0)
}

describe.skipIf(!canMount())('a volume without room', () => {
  test('below the mark: open calls end whole, new ones get 503 in their dialect, nothing latches, and it passes with the want', async () => {
    const post = await open((state) => mountTmpfs(state, 'size=32m'))
    const { volume, served, crowd, upstreams } = post
    const gate = Promise.withResolvers<void>()
    const asking = await halfway(post, gate.promise)
    volume.fill(MIN_FREE - 256 * 1024)
    await expect.poll(() => ready(post), { timeout: 15_000 }).toMatch(/^503 .*"ledger":"its volume is almost full/)
    const reached = upstreams.reached()[0]
    const refused = await allHeard(crowd.call())
    for (const [{ column }, heard] of refused) {
      expectRefusal(column, heard, UNRECORDED)
      expect(heard.headers.get('retry-after')).toBe('5')
    }
    expect(upstreams.reached()[0]).toBe(reached)
    gate.resolve()
    const ended = await allHeard(asking)
    for (const [{ column }, heard] of ended) expectWhole(column, heard, LONG)
    expect(served.child.exitCode).toBeNull()
    volume.empty()
    await expect.poll(() => ready(post), { timeout: 15_000 }).toMatch(/^200 /)
    upstreams.one.script(byColumn(speak))
    const after = await works(post, served)
    expect(served.log.filter(({ level }) => level === 60)).toEqual([])
    await stopped(served)
    const all = await records(post)
    expect(all.filter(({ kind }) => kind === 'call.abandoned')).toEqual([])
    expect(all.filter(({ kind }) => kind === 'ledger.opened')).toHaveLength(1)
    await agree(post, [refused, ended, after])
  }, 120_000)

  test.each<{ what: string; options: string; audit?: Json; take: (volume: Volume) => void }>([
    { what: 'the last byte', options: 'size=32m', take: (volume) => volume.fill(0) },
    {
      what: 'the last inode',
      options: 'size=32m,nr_inodes=300',
      audit: { checkpoint_every: '100ms' },
      take: (volume) => volume.crowd(),
    },
  ])(
    '$what is taken under load: latched, exit 5; the next start closes what is open, waits alive, and serves when there is room',
    async ({ options, audit, take }) => {
      const post = await open((state) => mountTmpfs(state, options), audit)
      const { volume, served } = post
      const gate = Promise.withResolvers<void>()
      const asking = await halfway(post, gate.promise)
      take(volume)
      gate.resolve()
      const ended = await allHeard(asking)
      for (const [{ column }, heard] of ended) {
        if (hasEnded(column, heard)) expectWhole(column, heard, LONG)
        else expectEnd(column, heard, UNRECORDED, LONG)
      }
      expect(await served.exited).toBe(5)

      const children: Served['child'][] = []
      const starting = post.again((child) => children.push(child))
      // One that is given up is nobody's.
      starting.catch(() => undefined)
      await expect.poll(() => ready(post), { timeout: 30_000 }).toMatch(/^503 .*no room/)
      const whileFull = await records(post)
      for (const seat of SEATS) expect(endingsOf(whileFull, seat, 'alone')).toHaveLength(4)
      expect(children[0]?.exitCode).toBeNull()
      volume.empty()
      const next = await starting
      expect(await ready(post)).toMatch(/^200 /)
      const after = await works(post, next)
      await stopped(next)
      expect(children).toHaveLength(1)
      expect(next.log.filter(({ msg }) => msg === 'listening')).toHaveLength(1)
      await agree(post, [ended, after])
    },
    120_000,
  )
})

describe.skipIf(!canLoop())('a volume that turns read-only', () => {
  test('latched, exit 5; the next start says so and ends; once it can be written to what was open is closed', async () => {
    const post = await open((state, beside) => mountDisk(state, beside, '48M'))
    const { volume, served, ground } = post
    const gate = Promise.withResolvers<void>()
    const asking = await halfway(post, gate.promise)
    const inside = (command: string): void =>
      void execFileSync(volume.enter[0] ?? '', [...volume.enter.slice(1), 'sh', '-c', command])
    // What ext4 does to itself at an error of its journal.
    inside(`mount -o remount,abort '${ground.state}'`)
    gate.resolve()
    const ended = await allHeard(asking)
    for (const [{ column }, heard] of ended) expectEnd(column, heard, UNRECORDED, LONG)
    expect(await served.exited).toBe(5)
    await expect(post.again(() => undefined)).rejects.toThrow(/exited with 5.*ERR_LEDGER_UNAVAILABLE/s)
    inside(`umount '${ground.state}' && mount -o loop '${ground.folder}/disk.img' '${ground.state}'`)
    const next = await post.again(() => undefined)
    const all = await records(post)
    for (const seat of SEATS) expect(endingsOf(all, seat, 'alone')).toHaveLength(4)
    expect(all.filter(({ kind }) => kind === 'call.abandoned')).toHaveLength(SEATS.length)
    const after = await works(post, next)
    await stopped(next)
    await agree(post, [ended, after])
  }, 120_000)
})
