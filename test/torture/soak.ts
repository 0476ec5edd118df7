import { join } from 'node:path'
import { CLOSING_KINDS } from '../../src/core/record.ts'
import { serve } from '../serve.ts'
import { growth, type Sample, sample } from './gauges.ts'
import { layDoors, SECRET } from './ground.ts'
import { entered, statusOf } from './journals.ts'
import { startLoad, type Told } from './load.ts'
import { startUpstream } from './upstream.ts'

export type SoakOptions = Readonly<{
  calls: number
  seed: number
  /** Begins nothing more after so long. */
  minutes?: number
  tell: (progress: string) => void
}>

/** `faults` must be empty. */
export type Soaked = Readonly<{ figures: Readonly<Record<string, string | number>>; faults: readonly string[] }>

const CLIENTS = 32
const EVERY_MS = 5_000
/** A gateway from which no call comes back for so long hangs. */
const HANG_MS = 60_000
/**
 * What counts as flat after warm-up, for 100,000 calls. The heap's saw-tooth has some tens of megabytes: over few calls a line through it
 * says nothing, so shorter runs are told, not judged.
 */
const FLAT = { rss: 8 * 1024 * 1024, heap: 8 * 1024 * 1024, descriptors: 2, threads: 1 }
const JUDGED = 200_000
const MB = 1024 * 1024

/** Of what arrived and of what was told, one in 256 is kept by name; all is counted. */
const sampled = (name: string): boolean => name.endsWith('00')

/** Many calls of every kind through one real process: it must not grow, and its ledger must agree with clients and provider. */
export async function soak({ calls, seed, minutes, tell }: SoakOptions): Promise<Soaked> {
  const upstream = await startUpstream({ keep: sampled })
  const doors = await layDoors(upstream.url, { audit: { log: 'test/soak' } })
  const counts = new Map<string, number>()
  const finished = new Set<string>()
  const samples: Sample[] = []
  const faults: string[] = []
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)
  const of = (what: string): number => counts.get(what) ?? 0
  let heard = 0
  let last = performance.now()
  const hear = (told: Told): void => {
    heard++
    last = performance.now()
    count(`${told.turn} ${told.status}`)
    count(told.status === 403 ? 'told denied' : told.finished ? 'told finished' : 'told else')
    if (told.finished && told.call !== null && sampled(told.call)) finished.add(told.call)
  }
  const served = await serve(doors, { env: SECRET })
  try {
    const began = performance.now()
    const load = startLoad({ ...served, doors, seed, first: 0, clients: CLIENTS, calls, hear })
    let ended: number | null = null
    const done = load.ended.then((number) => {
      ended = number
    })
    while (ended === null) {
      const timer = Promise.withResolvers<void>()
      const timeout = setTimeout(timer.resolve, EVERY_MS)
      await Promise.race([done, timer.promise])
      clearTimeout(timeout)
      if (performance.now() - last > HANG_MS) throw new Error(`no call came back for ${HANG_MS / 1000} s`)
      if (minutes !== undefined && performance.now() - began > minutes * 60_000) load.stop()
      const one = await sample(served, doors.state, heard)
      samples.push(one)
      const rate = heard / ((performance.now() - began) / 1000)
      tell(
        `${heard} of ${calls} calls, ${rate.toFixed(0)}/s, RSS ${mb(one.rss)}, heap ${mb(one.heap ?? 0)}, ${one.descriptors} descriptors, ${one.threads} threads, ledger ${mb(one.ledger)}`,
      )
    }
    const seconds = (performance.now() - began) / 1000
    tell(`${heard} calls made; the ledger is read`)
    process.kill(served.pid, 'SIGTERM')
    const code = await served.exited
    if (code !== 0) faults.push(`it ended with ${code}`)

    const books = await readTotals(doors)
    const status = await statusOf(doors, join(doors.state, 'ledger'))
    const must = (holds: boolean, what: string): void => {
      if (!holds) faults.push(what)
    }
    must(status === 'verified', `the ledger is ${status}`)
    must(books.intents === books.closings, `${books.intents} intents, ${books.closings} closing records`)
    must(books.denied === of('told denied'), `${books.denied} denials on record, ${of('told denied')} told`)
    must(books.intents >= upstream.count(), `${upstream.count()} arrived at the provider, ${books.intents} intents`)
    must(books.complete >= of('told finished'), `${of('told finished')} finished, ${books.complete} complete`)
    // Whoever left may have missed an answer that was complete.
    const left = [...counts].reduce((sum, [what, number]) => sum + (what.startsWith('leaves ') ? number : 0), 0)
    must(books.complete <= of('told finished') + left, `${books.complete} complete, ${of('told finished')} finished`)
    for (const [digest, number] of upstream.arrived)
      must(number <= (books.dispatched.get(digest) ?? 0), `at the provider, not on record: ${digest}`)
    for (const call of finished) must(books.sampled.has(call), `finished, and no outcome says complete: ${call}`)
    for (const turn of ['fine', 'long'])
      for (const [what, number] of counts)
        must(!what.startsWith(`${turn} `) || what === `${turn} 200`, `${number} times ${what}`)
    faults.push(...upstream.faults.slice(0, 20))

    const slopes = {
      rss: growth(samples, (one) => one.rss),
      heap: growth(samples, (one) => one.heap ?? 0),
      descriptors: growth(samples, (one) => one.descriptors),
      threads: growth(samples, (one) => one.threads),
    }
    if (heard >= JUDGED)
      for (const name of ['rss', 'heap', 'descriptors', 'threads'] as const)
        must(slopes[name] <= FLAT[name], `${name} grows by ${slopes[name].toFixed(0)} for 100,000 calls`)
    const end = samples.at(-1)
    const most = (value: (one: Sample) => number): number => Math.max(...samples.map(value))
    return {
      faults,
      figures: {
        calls: heard,
        seconds: Math.round(seconds),
        'calls/s': Math.round(heard / seconds),
        finished: of('told finished'),
        denied: books.denied,
        'at the provider': upstream.count(),
        records: books.records,
        ledger: mb(end?.ledger ?? 0),
        'RSS at the end': mb(end?.rss ?? 0),
        'RSS at most': mb(most((one) => one.rss)),
        'RSS per 100,000 calls': mb(slopes.rss),
        'heap at the end': mb(end?.heap ?? 0),
        'heap per 100,000 calls': mb(slopes.heap),
        'descriptors at most': most((one) => one.descriptors),
        'descriptors per 100,000 calls': Number(slopes.descriptors.toFixed(2)),
        'threads at most': most((one) => one.threads),
        judged: heard >= JUDGED ? 'flat' : `no: under ${JUDGED} calls`,
        statuses: [...counts]
          .filter(([what]) => !what.startsWith('told'))
          .sort()
          .map(([what, number]) => `${what}: ${number}`)
          .join(', '),
      },
    }
  } finally {
    served.child.kill('SIGKILL')
    await upstream.close()
    doors.remove()
  }
}

const mb = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`

/** A ledger in counts: it may be larger than what fits into memory. */
async function readTotals(ground: Parameters<typeof entered>[0]) {
  const totals = { records: 0, intents: 0, closings: 0, denied: 0, complete: 0 }
  const dispatched = new Map<string, number>()
  const complete = new Set<string>()
  for await (const { record, dispatch } of entered(ground)) {
    const { kind, call, body } = record
    totals.records++
    if (kind === 'call.intent') totals.intents++
    else if (kind === 'call.denied') totals.denied++
    if (CLOSING_KINDS.includes(kind)) totals.closings++
    if (dispatch !== null && sampled(dispatch)) dispatched.set(dispatch, (dispatched.get(dispatch) ?? 0) + 1)
    if (kind !== 'call.outcome' || body.ending !== 'complete') continue
    totals.complete++
    if (call !== null && sampled(call)) complete.add(call)
  }
  return { ...totals, dispatched, sampled: complete }
}
