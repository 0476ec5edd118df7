import type { Plugin } from '../../src/core/plugin.ts'
import { RESTLESS } from '../house.ts'
import { Caller1, Caller2, type Heard } from './callers.ts'
import { type Asked, type Corpus, readCorpus } from './corpus.ts'
import { CANARY, message, STRAYS } from './message.ts'
import { CANARIES, damaged, mutated, written } from './mutate.ts'
import { readEvidence, startPost } from './post.ts'
import { startProvider } from './provider.ts'
import { caseRandom, type Random } from './random.ts'
import { isStrict } from './strict.ts'

export type CampaignOptions = Readonly<{
  seed: number
  calls: number
  /** So many bodies that were sent on are kept. */
  keep?: number
  progress?: (done: number) => void
}>

/** What a campaign found. `faults` must be empty; each names the case that showed it. */
export type Report = Readonly<{
  calls: number
  recorded: number
  /** Calls with a changed body and a head as it should be: all of them, and those whose body got past the parser. */
  bodies: number
  parsed: number
  /** Calls by status, and `closed`. */
  statuses: ReadonlyMap<string, number>
  sent: number
  /** Over HTTP/2. */
  streams: number
  faults: readonly string[]
  kept: readonly Buffer[]
}>

const LANES_1 = 24
const LANES_2 = 8
/** By far longer than any time-out of the gateway here. */
const HANG_MS = 30_000
/** So many of the calls get the answers that they ask for; the others changed ones. */
const ANSWERED = 0.6

type Case = Readonly<{
  asked: Asked
  path: string
  body: Buffer
  /** Whether the body is not the one that was recorded. */
  changed: boolean
  /** The whole message where its head was changed too. */
  head: Buffer | null
  random: Random
}>

/** Calls a whole gateway with changed calls, and gives it changed answers. */
export async function campaign({ seed, calls, keep = 0, progress }: CampaignOptions): Promise<Report> {
  const corpus = readCorpus()
  const seen = new Set<string>()
  const inspector: Plugin = {
    name: 'canaries',
    span: 20,
    inspect: async (_phase, segments) => {
      for (const { text } of segments) for (const [canary] of text.matchAll(CANARIES)) seen.add(canary)
      return []
    },
  }
  const faults: string[] = []
  const options = { corpus, seed, seen, secret: 'chk_', keep }
  const provider = await startProvider(options)
  const post = await startPost({
    upstream: provider.url,
    plugins: [inspector],
    journal: false,
    config: { limits: { streams: 64, timeouts: { headers: '1s', request: '1s' }, breaker: RESTLESS } },
  })
  const statuses = new Map<string, number>()
  const refused = new Set<string>()
  let parsed = 0
  let bodies = 0
  let answered = 0
  let streams = 0
  let next = 0

  const judge = (index: number, one: Case, heard: Heard, changed: boolean): void => {
    const { status, call, body, cut } = heard
    const key = status === null ? (cut ? 'cut' : 'closed') : cut ? `${status} cut` : String(status)
    statuses.set(key, (statuses.get(key) ?? 0) + 1)
    const fault = (what: string): void => void faults.push(`case ${index} (${one.asked.door.dialect}): ${what}`)
    if (status === 200) answered++
    if (status !== null && status >= 500 && !(changed && status === 502) && !(one.head !== null && status === 501))
      fault(`answered ${status}: ${body.toString('utf8', 0, 300)}`)
    if (one.head === null && (status === null || cut) && !changed) fault(`no answer: ${body.toString('utf8', 0, 100)}`)
    if (!changed && status !== null && status !== 200 && call !== null) refused.add(call)
    // A model that is not configured is named back to who asked for it.
    const text = status === 404 ? '' : body.toString('latin1')
    if (text.includes(CANARY) && one.head === null) fault('a field of the client came back')
    for (const [canary] of `${text}${unwrapped(text)}`.matchAll(CANARIES))
      if (!seen.has(canary)) fault(`a text came back that nobody read: ${canary}`)
  }

  const run = async (end: number, changed: boolean): Promise<void> => {
    const lane = async (over2: boolean): Promise<void> => {
      const one = new Caller1(post.port)
      const two = new Caller2(post.port)
      while (next < end) {
        const index = next++
        const made = makeCase(corpus, seed, index, post.key, changed)
        if (made.head === null && made.changed) {
          bodies++
          if (isStrict(made.body)) parsed++
        }
        const calling =
          made.head !== null || !over2
            ? one.call(made.head ?? message(made.asked.door, post.key, made), made.head !== null)
            : two.call(made.path, headersOf(made, post.key), made.body)
        if (made.head === null && over2) streams++
        const heard = await within(calling, HANG_MS)
        if (heard === null) {
          faults.push(`case ${index}: it hangs`)
          one.close()
          two.close()
        } else judge(index, made, heard, changed)
        if (index % 1_000 === 0) progress?.(index)
      }
      one.close()
      two.close()
    }
    await Promise.all(Array.from({ length: LANES_1 + LANES_2 }, (_, index) => lane(index < LANES_2)))
  }

  try {
    await run(Math.floor(calls * ANSWERED), false)
    const sent = sum(provider.arrived)
    if (answered > sent) faults.push(`${answered} answers, but ${sent} calls sent`)
    for (const line of post.logged)
      if (Number(line.level) >= 50) faults.push(`logged: ${JSON.stringify(line).slice(0, 400)}`)
    provider.change(true)
    await run(calls, true)
    await post.customhouse.stop()
    const { status, dispatched, intents, open } = await readEvidence(post)
    if (status !== 'verified') faults.push(`the ledger is ${status}`)
    if (open.length > 0) faults.push(`${open.length} intents are not closed once`)
    for (const [digest, count] of provider.arrived)
      if (count > (dispatched.get(digest) ?? 0)) faults.push(`sent without an intent: ${digest}`)
    for (const call of refused) if (intents.has(call)) faults.push(`refused, but with an intent: ${call}`)
    return {
      calls,
      recorded: corpus.recorded,
      parsed,
      bodies,
      statuses,
      sent: sum(provider.arrived),
      streams,
      faults: [...faults, ...provider.faults],
      kept: [...provider.bodies.values()],
    }
  } finally {
    await post.stop()
    await provider.close()
  }
}

const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, one) => all + one, 0)

/** Of a frame of InvokeModelWithResponseStream the text is in base64. */
function unwrapped(text: string): string {
  return [...text.matchAll(/"bytes":"([A-Za-z0-9+/=]+)"/g)]
    .map(([, wrapped = '']) => Buffer.from(wrapped, 'base64').toString('latin1'))
    .join('\n')
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  const late = Promise.withResolvers<null>()
  const timer = setTimeout(() => late.resolve(null), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function headersOf({ asked }: Case, key: string): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    ...asked.door.headers,
    ...Object.fromEntries(STRAYS),
  }
}

const originals = new WeakMap<Asked, Buffer>()

function originalOf(asked: Asked): Buffer {
  const known = originals.get(asked)
  if (known !== undefined) return known
  const original = Buffer.from(written(asked.body))
  originals.set(asked, original)
  return original
}

function makeCase({ asked: all }: Corpus, seed: number, index: number, key: string, changed: boolean): Case {
  const random = caseRandom(seed, index)
  const asked = random.pick(all)
  const canary = random.chance(0.4) ? `KNY${index}Y` : null
  const text = random.chance(changed ? 0.7 : 0.05) ? asked.body : mutated(asked.body, random, canary)
  const whole = Buffer.from(written(text))
  const body = random.chance(changed ? 0.02 : 0.1) ? damaged(whole, random) : whole
  const address = asked.door.mount + asked.path
  const path = random.chance(0.04) ? strayed(address, random) : address
  const bare = { asked, path, body, changed: !body.equals(originalOf(asked)), random }
  if (changed || !random.chance(0.06)) return { ...bare, head: null }
  return { ...bare, head: bent(message(asked.door, key, { path, body }), random) }
}

const STEPS = [
  '/',
  '//',
  '/..',
  '/./',
  '%2f',
  '%2e%2e/',
  '%252e',
  ';a=b',
  '?',
  '?beta=true',
  '?a=b',
  '%',
  '%00',
  '%c0%af',
  '%3A',
  ':',
  '%20',
  '\\',
  '~',
  '*',
]

function strayed(address: string, random: Random): string {
  const at = 1 + random.below(address.length)
  return (
    address.slice(0, at) +
    random.pick(STEPS) +
    address.slice(random.chance(0.5) ? at : Math.min(at + 1, address.length))
  )
}

const LINES = [
  'transfer-encoding: chunked',
  'content-length: 0',
  'content-length: 10',
  'connection: close',
  'connection: authorization',
  'expect: 100-continue',
  'upgrade: h2c',
  'authorization: Bearer chk_other',
  'x-api-key: a',
  'content-type: text/plain',
  'content-encoding: gzip',
  'host: example.com',
  'anthropic-beta: x',
  'x-customhouse-task: a b',
  ' folded',
  'x-a: \0',
  'x-a\t: b',
  'te: trailers',
]

/** A message whose head is changed: its lines, or its bytes. */
function bent(whole: Buffer, random: Random): Buffer {
  const end = whole.indexOf('\r\n\r\n')
  const lines = whole.toString('latin1', 0, end).split('\r\n')
  const at = 1 + random.below(lines.length - 1)
  const turn = random.below(6)
  if (turn === 0) lines.splice(at, 1)
  else if (turn === 1) lines.splice(at, 0, random.pick(LINES))
  else if (turn === 2) lines.splice(at, 0, lines[1 + random.below(lines.length - 1)] ?? '')
  else if (turn === 3)
    lines[0] = (lines[0] ?? '').replace('POST', random.pick(['GET', 'PUT', 'post', 'HEAD', 'POST ', 'PRI']))
  else if (turn === 4) lines[at] = damaged(Buffer.from(lines[at] ?? '', 'latin1'), random).toString('latin1')
  const head = Buffer.from(`${lines.join(turn === 5 && random.chance(0.2) ? '\n' : '\r\n')}\r\n\r\n`, 'latin1')
  return Buffer.concat([turn === 5 ? damaged(head, random) : head, whole.subarray(end + 4)])
}
