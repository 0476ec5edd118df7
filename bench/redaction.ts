import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { NO_CUSTOM } from '../plugins/redaction/custom/index.ts'
import { findIn, findOwn, type Given, type Reader } from '../plugins/redaction/find.ts'
import { createInspector } from '../plugins/redaction/inspector.ts'
import { restorer } from '../plugins/redaction/restore/index.ts'
import { loadTagger } from '../plugins/redaction/tagger/index.ts'
import { tenantKeys, tokenOf } from '../plugins/redaction/token.ts'
import type { Segment } from '../src/core/call.ts'
import type { Filter } from '../src/core/plugin.ts'
import { Lanes } from '../src/pipeline/lanes.ts'
import { FACTS } from '../test/kit/facts.ts'

/**
 * `npm run bench:redaction -- [--json]`: how well and how fast text is inspected. Quality is measured on the labelled sets of the folder that CUSTOMHOUSE_PII
 * names (`*.jsonl` and `score.mjs`), else `../shared/pii` beside the repository; without one there is none. Speed is one core's, on the English of docs/.
 */

const ROOT = resolve(import.meta.dirname, '..')
const SETS = process.env.CUSTOMHOUSE_PII ?? resolve(ROOT, '../shared/pii')
/** What is no name, place or value in sets that label it. */
const IGNORED = 'TITLE,NRP,OTHER,GROUP,WORK,PRODUCT,GENDER,FAMILY,OCCUPATION'
const tagger = loadTagger()
const whole: Reader = { tagger, custom: NO_CUSTOM, tenant: 'bench' }
const structured: Reader = { ...whole, tagger: null }
const hints = { key: null, role: 'user', channel: 'text' } as const
const given = (text: string): Given => ({ text, hints, json: false })
const never = new AbortController().signal

type Scored = Readonly<{
  strict: Readonly<{ P: number; R: number; F1: number }>
  leakRecall: number
  overRedaction: number
  negDocsFlagged: number
  types: Readonly<Record<string, Readonly<{ gold: number; P: number; R: number; F1: number }>>>
}>

function quality(): Readonly<Record<string, Scored>> {
  const scorer = join(SETS, 'score.mjs')
  if (!existsSync(scorer)) {
    process.stderr.write(`No labelled sets in ${SETS}: quality is not measured.\n`)
    return {}
  }
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'))
  try {
    const sets = readdirSync(SETS).filter((file) => file.endsWith('.jsonl'))
    return Object.fromEntries(sets.map((file) => [basename(file, '.jsonl'), scored(scorer, join(SETS, file), folder)]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function scored(scorer: string, gold: string, folder: string): Scored {
  const lines = readFileSync(gold, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const told = lines.map((line) => {
    const [spans = []] = findIn([given(JSON.parse(line).text)], whole)
    return `${JSON.stringify({ spans: spans.filter(({ type, score }) => score >= 0.5 && type !== 'HEALTH' && type !== 'TOKEN') })}\n`
  })
  const predicted = join(folder, 'predicted.jsonl')
  writeFileSync(predicted, told.join(''))
  const args = [scorer, gold, predicted, '--ignore', IGNORED, '--json']
  const { strict, leakRecall, overRedaction, negDocsFlagged, types } = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 26 }),
  )
  return { strict, leakRecall, overRedaction, negDocsFlagged, types }
}

/** English prose, without tables and code. */
function prose(): string {
  const docs = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'))
  return docs
    .map((file) => readFileSync(join(ROOT, 'docs', file), 'utf8').replaceAll(/```[\s\S]*?```|^[|#].*$|`/gm, ''))
    .join('\n')
}

function pieces(text: string, units: number): readonly string[] {
  const all: string[] = []
  for (let at = 0; at + units <= text.length; at += units) all.push(text.slice(at, at + units))
  return all
}

const now = (): number => performance.now()
/** Milliseconds that this process has worked: what else the machine does is not in it. */
const worked = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Best of some rounds, MB (10^6 bytes of UTF-8) a second. */
function rate(texts: readonly string[], reader: Reader): number {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 12; round++) {
    const from = worked()
    for (const text of texts) findOwn(given(text), reader)
    best = Math.min(best, worked() - from)
  }
  return bytes / best / 1000
}

const segment = (text: string): Segment => ({ pointer: '/messages/0/content', role: 'user', channel: 'text', text })
const inspector = (cacheBytes: number, workers: number) =>
  createInspector({ custom: NO_CUSTOM, tagger, workers, cacheBytes, apartAbove: 16_384, secret: randomBytes(32) })

async function latency(texts: readonly string[], cached: boolean): Promise<Readonly<{ p50: number; p99: number }>> {
  const one = inspector(cached ? 1 << 26 : 0, 0)
  const read = (text: string): Promise<unknown> => one.inspect('request', [segment(text)], never, FACTS)
  for (const text of texts) await read(text)
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    for (const text of texts) {
      const from = worked()
      await read(text)
      times.push(worked() - from)
    }
  }
  times.sort((a, b) => a - b)
  return { p50: times[times.length >> 1] ?? 0, p99: times[Math.floor(times.length * 0.99)] ?? 0 }
}

const SIZE = 20_000
const UNITS = [
  'a',
  'A',
  '1',
  ' ',
  '@',
  '"',
  "'",
  '.',
  '(',
  ')',
  '[',
  ']',
  '{',
  '-',
  '/',
  ':',
  ',',
  ';',
  '=',
  '+',
  '%',
  '&',
  '\\',
  '\n',
  '\t',
  '_',
  '#',
  '*',
  '<',
  '~',
  '$',
  '1-',
  '1-1-1 ',
  '1 ',
  '1.',
  '1:',
  'a@',
  'a@a',
  '@a.',
  'a.',
  '://',
  'http://',
  'www.',
  'A1',
  'Aa ',
  'A. ',
  '%41',
  '\\u0041',
  '&amp;',
  'é',
  'e\u0301',
  '\u200b',
  'а',
  '🙂',
  'eyJ',
  'sk-',
  '-----BEGIN ',
  'SSN ',
  'MRN: ',
  'born 1 ',
  'QUFB',
  '4111',
  'DE89',
  'Dr. A ',
  '1 Main St ',
  'PERSON_1_',
  'password=',
] as const

function pathological(): Readonly<{ worstMs: number; of: string; inputs: number }> {
  let worstMs = 0
  let of = ''
  for (const unit of UNITS) {
    const text = unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE)
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 3; round++) {
      const from = worked()
      findIn([given(text)], whole)
      best = Math.min(best, worked() - from)
    }
    if (best > worstMs) [worstMs, of] = [best, JSON.stringify(unit)]
  }
  return { worstMs, of, inputs: UNITS.length }
}

/** Nanoseconds for each delta of four characters, with so many live tokens, one in a hundred deltas beginning one. */
function restoring(tokens: number): number {
  const { text, live } = spoken(tokens)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const filter = restorer(live, { tools: 'all', reads: true })
    const hold = filter.hold === 'whole' ? text.length : filter.hold
    let released = 0
    const from = worked()
    for (let end = 4; end <= text.length; end += 4) {
      const view = text.slice(released, end)
      filter.edit?.({
        lane: 'content',
        channel: 'text',
        role: 'assistant',
        text: view,
        released,
        final: false,
        signed: false,
        json: false,
        tool: null,
        findings: [],
      })
      released = Math.max(released, end - hold)
    }
    best = Math.min(best, worked() - from)
  }
  return (best * 1e6) / (text.length / 4)
}

/** Tokens a second, and units of each, of the stream that is simulated. */
const TOKENS = 50
const UNITS_OF_TOKEN = 4

type Delay = Readonly<{ firstMs: number; medianMs: number; p99Ms: number; chunks: number; events: number }>

/**
 * What holding back adds to a stream, on a clock that is counted and not waited for: until its first unit leaves, and for each unit; and in how many pieces
 * it leaves. Every hundredth token begins a live one. `span`: what inspectors hold back; `whole`: nothing leaves before the end.
 */
function delayOf(filters: readonly Filter[], span: number, given: string): Delay {
  const lanes = new Lanes()
  const came: number[] = []
  const waited: number[] = []
  const every = 1000 / TOKENS
  let chunks = 0
  let events = 0
  let clock = 0
  const release = (final: boolean): void => {
    lanes.settle(filters, span, final)
    const out = lanes.release()
    if (out.length > 0) chunks++
    for (const { event } of out)
      for (const { text: said } of event.parts)
        for (let unit = 0; unit < said.length; unit++) waited.push(clock - (came[waited.length] ?? 0))
  }
  for (let at = 0; at < given.length; at += UNITS_OF_TOKEN) {
    const said = given.slice(at, at + UNITS_OF_TOKEN)
    for (let unit = 0; unit < said.length; unit++) came.push(clock)
    const part = { lane: 'content', pointer: '/c', role: 'assistant', channel: 'text', text: said } as const
    lanes.add({ kind: 'delta', parts: [part], frame: null })
    events++
    release(false)
    clock += every
  }
  release(true)
  const sorted = waited.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  return { firstMs: waited[0] ?? 0, medianMs: at(0.5), p99Ms: at(0.99), chunks, events }
}

/** An answer of 500 tokens: ten seconds. */
function delays(): Readonly<Record<string, Delay>> {
  const { text: answer, live } = spoken(10)
  const given = answer.slice(0, 500 * UNITS_OF_TOKEN)
  const restoring = (): Filter => restorer(live, { tools: 'all', reads: true })
  const whole: Filter = { name: 'whole', hold: 'whole' }
  return {
    restorer: delayOf([restoring()], 0, given),
    inspector: delayOf([restoring()], 128, given),
    whole: delayOf([restoring(), whole], 128, given),
  }
}

/** Prose with a live token in every 380 units, and so many that are live. */
function spoken(tokens: number) {
  const keys = tenantKeys(randomBytes(32), 'bench')
  const live = Array.from({ length: tokens }, (_, at) => {
    const value = `value ${at}`
    return { token: tokenOf(keys, 'PERSON', at + 1, '', value), value, type: 'PERSON' }
  })
  const answer = prose()
    .slice(0, 40_000)
    .replaceAll(/(.{380})/gs, (all, _, at: number) => `${all} ${live[at % tokens]?.token} `)
  return { text: answer, live }
}

/** Longest that the loop stood still while one prompt of 100,000 tokens was inspected, and how long that took, milliseconds. */
async function loopDelay(text: string, workers: number): Promise<Readonly<{ loopMs: number; tookMs: number }>> {
  const one = inspector(0, workers)
  // The thread's start, its modules and its weights are of the first such call alone.
  await one.inspect('request', [segment(text.slice(0, 20_000))], never, FACTS)
  await one.inspect('request', [segment(text)], never, FACTS)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // The first look only sets the clock: what comes before it is not measured.
  await new Promise((go) => setTimeout(go, 20))
  const from = now()
  await one.inspect('request', [segment(text)], never, FACTS)
  const tookMs = now() - from
  await new Promise((go) => setTimeout(go, 20))
  delay.disable()
  await one.stop()
  return { loopMs: delay.max / 1e6, tookMs }
}

const text = prose()
const long = text.repeat(Math.ceil(400_000 / text.length)).slice(0, 400_000)
const two = pieces(text, 2048)
const speed = {
  structuredMBs: rate(two, structured),
  withTaggerMBs: rate(two, whole),
  cold2KB: await latency(two, false),
  cached2KB: await latency(two, true),
  pathological20KB: pathological(),
  restorerNsPerDelta: { live10: restoring(10), live400: restoring(400) },
  stream50TokensASecond: delays(),
  prompt100kTokens: { inLoop: await loopDelay(long, 0), inThread: await loopDelay(long, 1) },
}
const result = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  tagger: tagger.version,
  quality: quality(),
  speed,
}

if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
else print()

function print(): void {
  const percent = (x: number): string => (x * 100).toFixed(1).padStart(6)
  process.stdout.write(`${result.node}, ${result.cpu}, tagger ${result.tagger}\n\n`)
  for (const [name, set] of Object.entries(result.quality)) {
    process.stdout.write(
      `${name}\n  typed F1 ${percent(set.strict.F1)}  leak recall ${percent(set.leakRecall)}  over-redaction ${percent(set.overRedaction)}\n`,
    )
    for (const [type, { gold, P, R, F1 }] of Object.entries(set.types))
      process.stdout.write(
        `  ${type.padEnd(28)}${String(gold).padStart(6)} ${percent(P)} ${percent(R)} ${percent(F1)}\n`,
      )
  }
  process.stdout.write(`\n${JSON.stringify(speed, null, 2)}\n`)
}
