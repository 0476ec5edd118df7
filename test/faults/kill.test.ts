import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ServeOptions, serve } from '../serve.ts'
import { type Doors, layDoors, SECRET } from '../torture/ground.ts'
import { type Books, disagreements, readBooks, statusOf } from '../torture/journals.ts'
import { startLoad, type Told } from '../torture/load.ts'
import { tell } from '../torture/progress.ts'
import { startUpstream, type Upstream } from '../torture/upstream.ts'
import { ALL_DOORS } from '../wire/doors.ts'
import { caseRandom, type Random } from '../wire/random.ts'

/**
 * kill -9 at random points: under mixed load of every dialect, and in the start that recovers from the kill before. Three journals are
 * compared afterwards: what the clients saw (kept here, in another process), what reached the provider, and the ledger.
 */
const KILLS = Number(process.env.CUSTOMHOUSE_KILLS ?? 400)
const SEED = Number(process.env.CUSTOMHOUSE_SEED ?? Math.floor(Math.random() * 1e6))
const LANES = 3
/** Kills of one ledger: a start reads all of it, and many short ones cost less than a long one. */
const BATTLE = 25
const CLIENTS = 8
/** From before the first answer to well into the load, and now and then far into it, when all that runs often has been compiled. */
const LOAD_MS = 240
const LONG_MS = 1_500
/** So many kills hit a start. */
const STARTS = 0.25
/** From so many on the test must have met everything that it speaks of; fewer are too few for shares. */
const JUDGED = 100

/** What one ledger went through. */
type Battle = Readonly<{
  told: readonly Told[]
  upstream: Pick<Upstream, 'arrived' | 'faults'>
  books: Books
  /** States of copies of the ledger, as kills left it. */
  copies: readonly string[]
  kills: number
  /** Kills under load, and those of them that hit calls in flight; kills that hit a start, and those of them that came before its `ledger.opened` was durable. */
  load: number
  hit: number
  starts: number
  early: number
  faults: readonly string[]
}>

test(
  `${KILLS} kills: every finished answer has its outcome, every intent closes, nothing reached the provider without an intent`,
  async () => {
    const cache = mkdtempSync(join(tmpdir(), 'customhouse-compiled-'))
    const options: ServeOptions = { env: { ...SECRET, NODE_COMPILE_CACHE: cache } }
    console.log(`seed ${SEED}`)
    try {
      const battles = Array.from({ length: Math.ceil(KILLS / BATTLE) }, (_, index) => index)
      const done: Battle[] = []
      // The first ends in good order, which writes the cache that the others start from.
      const fight = async (battle: number): Promise<void> => {
        const fought = await fightOne(battle, Math.min(BATTLE, KILLS - battle * BATTLE), options)
        expect(fought.faults, `battle ${battle} of seed ${SEED}`).toEqual([])
        done.push(fought)
        tell(`${done.reduce((sum, one) => sum + one.kills, 0)} of ${KILLS} kills`)
      }
      let next = 0
      const lane = async (): Promise<void> => {
        while (next < battles.length) await fight(next++)
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      report(done)
    } finally {
      rmSync(cache, { recursive: true, force: true })
    }
  },
  KILLS * 3_000 + 120_000,
)

/** What happened, and that enough did: all kinds of calls, all doors, and kills that hit them. */
function report(done: readonly Battle[]): void {
  const sum = (of: (battle: Battle) => number): number => done.reduce((all, battle) => all + of(battle), 0)
  const kind = (name: string) => (battle: Battle) => battle.books.kinds.get(name) ?? 0
  const told = done.flatMap((battle) => battle.told)
  const count = (where: (one: Told) => boolean): number => told.filter(where).length
  const figures = {
    kills: sum(({ kills }) => kills),
    'under load': sum(({ load }) => load),
    'in flight': sum(({ hit }) => hit),
    'in a start': sum(({ starts }) => starts),
    'before the log was taken over': sum(({ early }) => early),
    calls: told.length,
    finished: count(({ finished }) => finished),
    sent: sum(({ books }) => [...books.dispatched.values()].reduce((all, one) => all + one, 0)),
    denied: count(({ status }) => status === 403),
    intents: sum(kind('call.intent')),
    abandoned: sum(kind('call.abandoned')),
    progress: sum(kind('call.progress')),
    copies: sum(({ copies }) => copies.length),
  }
  console.log(JSON.stringify(figures))
  expect(figures.kills).toBe(KILLS)
  if (KILLS < JUDGED) return
  const least = (name: keyof typeof figures, share: number): void =>
    expect(figures[name], `coverage, no invariant: ${name}, of ${KILLS} kills`).toBeGreaterThan(share)
  least('in flight', figures['under load'] * 0.8)
  least('in a start', KILLS / 10)
  least('before the log was taken over', KILLS / 200)
  least('finished', KILLS / 2)
  least('abandoned', KILLS / 2)
  least('progress', KILLS / 50)
  for (const door of ALL_DOORS)
    for (const over of ['h1', 'h2c'] as const)
      for (const streamed of door.path.endsWith('/count_tokens') ? [false] : [false, true])
        expect(
          count((one) => one.door === door && one.over === over && one.streamed === streamed && one.finished),
          `coverage, no invariant: ${door.title} over ${over}, ${streamed ? 'streamed' : 'whole'}`,
        ).toBeGreaterThan(0)
  for (const status of [403, 429])
    expect(
      count((one) => one.status === status),
      `coverage, no invariant: ${status}`,
    ).toBeGreaterThan(0)
}

async function fightOne(battle: number, kills: number, options: ServeOptions): Promise<Battle> {
  const random = caseRandom(SEED, battle)
  const upstream = await startUpstream()
  const doors = await layDoors(upstream.url)
  const ledger = join(doors.state, 'ledger')
  const told: Told[] = []
  const copies: string[] = []
  let first = 0
  let load = 0
  let hit = 0
  let starts = 0
  let took = 1_000
  try {
    const last = await serve(doors, options)
    last.child.kill('SIGTERM')
    expect(await last.exited).toBe(0)
    for (let kill = 0; kill < kills; kill++) {
      if (random.chance(STARTS)) {
        if (await killInStart(doors, { ledger, random, options, took })) starts++
      } else {
        load++
        const shot = await killUnderLoad({ doors, first, random, options, told })
        first += shot.calls
        took = shot.took
        if (shot.open > 0) hit++
      }
      // What a kill left is verified as it stands, in a copy.
      if (kill % 10 === 7) copies.push(await statusOfCopy(doors, ledger))
    }
    const end = await serve(doors, options)
    end.child.kill('SIGTERM')
    expect(await end.exited).toBe(0)
    const books = await readBooks(doors)
    const opened = books.kinds.get('ledger.opened') ?? 0
    const faults = [
      ...disagreements(told, upstream.arrived, books),
      ...upstream.faults,
      ...copies.filter((status) => status !== 'verified').map((status) => `a copy is ${status}`),
    ]
    // Two starts besides end in good order.
    return { told, upstream, books, copies, kills, load, hit, starts, early: kills + 2 - opened, faults }
  } finally {
    await upstream.close()
    doors.remove()
  }
}

type Shot = Readonly<{ doors: Doors; first: number; random: Random; options: ServeOptions; told: Told[] }>

async function killUnderLoad({ doors, first, random, options, told }: Shot) {
  const began = performance.now()
  const { baseURL, child, exited } = await serve(doors, options)
  const took = performance.now() - began
  const load = startLoad({ baseURL, doors, seed: SEED, first, clients: CLIENTS, hear: (one) => told.push(one) })
  // On a machine that starts slowly, calls are slow as well.
  await sleep(random.next() * (random.chance(0.04) ? LONG_MS : Math.max(LOAD_MS, took)))
  const open = load.inFlight()
  child.kill('SIGKILL')
  load.stop()
  await exited
  return { calls: await load.ended, open, took }
}

type Start = Readonly<{ ledger: string; random: Random; options: ServeOptions; took: number }>

/**
 * Kills a start: at one of the signs of its work on the ledger, or somewhere in the last third of the time that a start takes. False if it
 * was listening by then, and without a call.
 */
async function killInStart(doors: Doors, { ledger, random, options, took }: Start): Promise<boolean> {
  const timed = random.chance(0.4)
  const later = timed ? took * (0.7 + 0.3 * random.next()) : random.below(3) * random.below(5)
  const sign = 1 + random.below(4)
  let seen = 0
  let kill = (): void => undefined
  const watcher = watch(ledger, () => {
    if (++seen === sign && !timed) setTimeout(() => kill(), later)
  })
  const spawned = (child: ChildProcess): void => {
    kill = () => void child.kill('SIGKILL')
    if (timed) setTimeout(() => kill(), later)
  }
  try {
    const served = await serve(doors, { ...options, spawned }).catch((error: unknown) => String(error))
    if (typeof served === 'string') {
      // It must have been the kill: a start that fails by itself has not recovered.
      expect(served).toContain('exited with null')
      return true
    }
    kill()
    await served.exited
    return false
  } finally {
    watcher.close()
  }
}

async function statusOfCopy(doors: Doors, ledger: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'customhouse-copy-'))
  try {
    cpSync(ledger, copy, { recursive: true })
    return await statusOf(doors, copy)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
