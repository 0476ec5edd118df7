import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { publishedVerifierKey, readEntries, verifyLedger } from '../src/audit/index.ts'
import { readPolicySource } from '../src/policy/source.ts'
import { openToolchain } from '../src/policy/toolchain/index.ts'
import { type Ground, layGround } from '../test/house.ts'
import { layEverything } from './everything.ts'
import { load, type Subject } from './load.ts'
import { coresOf, cpuMicroseconds, portkeyServer, ROOT, type Running, residentMegabytes, start } from './process.ts'

/**
 * The speed table: what a governed call costs against the floor (a bare node:http and undici proxy) and against Portkey's gateway with nothing
 * on. All in one run, in turn, the process under test alone on one core. The gateway remembers decisions that can only be the same again; how much
 * that is worth shows `customhouse_evaluated`: the same with a control more, which reads the clock, so that each decision is evaluated. `customhouse_everything` has all controls on (`everything.ts`). CPU is the kernel's own account of the process, all threads.
 */

type Figures = { cpu_us: number; calls_per_s: number; p50_ms: number; p99_ms: number; rss_mb: number }

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    calls: { type: 'string', default: '6000' },
    rounds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '6000' },
  },
})
const calls = Number(values.calls)
const rounds = Number(values.rounds)
const say = (text: string): void => void process.stderr.write(`${text}\n`)
const cores = coresOf()
if (cores === null)
  say('no taskset, or fewer than two cores: the processes are not bound to cores, and disturb each other')
else spawnSync('taskset', ['-p', '-c', String(cores.rest), String(process.pid)])
const CORE_UNDER_TEST = cores?.underTest ?? null
const CORE_OF_THE_REST = cores?.rest ?? null

const running: Running[] = []
async function run(args: readonly string[], core: number | null, ready: RegExp): Promise<Running> {
  const process = await start(args, core, ready)
  running.push(process)
  return process
}

const upstream = await run(['bench/upstream.ts'], CORE_OF_THE_REST, /listening (\d+)/)
const origin = `http://127.0.0.1:${upstream.ready}`

const floor = await run(['bench/floor.ts', origin], CORE_UNDER_TEST, /listening (\d+)/)
const ground = await lay({})
const evaluated = await lay({ controls: ['clock'] })
await addClock(evaluated)
const { ground: all, issuer } = await layEverything(`${origin}/v1`)
const customhouse = await serve(ground)
const customhouseEvaluated = await serve(evaluated)
const customhouseEverything = await serve(all)
const portkey = await portkeyOf()

const subjects: readonly Subject[] = [
  { name: 'floor', origin: `http://127.0.0.1:${floor.ready}`, path: '/', headers: {}, pid: floor.pid },
  gateway('customhouse', customhouse, ground.key),
  gateway('customhouse_evaluated', customhouseEvaluated, evaluated.key),
  gateway('customhouse_everything', customhouseEverything, issuer.token),
  ...(portkey === null ? [] : [portkey]),
]

try {
  for (const subject of subjects) await load(subject, Number(values.warmup), 64)
  const table: Record<string, Figures> = {}
  for (const [name, figures] of await interleaved(subjects, 64)) table[name] = figures
  const governed = subjects.filter(({ name }) => name === 'customhouse')
  const inFlight: Record<string, Figures> = {}
  for (const depth of [1, 256])
    for (const [, figures] of await interleaved(governed, depth)) inFlight[String(depth)] = figures
  const common = Number(values.warmup) + rounds * calls
  await verified(ground, common + rounds * (Math.ceil(calls / 3) + calls))
  await verified(evaluated, common)
  await verified(all, common)
  const result = { ...table, in_flight: inFlight }
  if (!values.json) print(table, inFlight)
  process.stdout.write(`${JSON.stringify(result)}\n`)
} finally {
  for (const process of running) await process.stop()
  ground.remove()
  evaluated.remove()
  all.remove()
  issuer.stop()
}

function lay(more: Readonly<Record<string, string[]>>): Promise<Ground> {
  return layGround({
    providers: { bench: { url: `${origin}/v1` } },
    config: { log: { level: 'info', format: 'json' }, reload: { every: '1h' }, ...more },
  })
}

/** A control that reads the clock and is satisfied whatever it says. Throws where the gateway could remember decisions all the same. */
async function addClock({ policies }: Ground): Promise<void> {
  const file = join(policies, 'controls/clock/clock.rego')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(
    file,
    `package controls.clock

import data.customhouse.targets

satisfied[target.id] := true if {
	time.now_ns() > 0
	some target in targets
}

obligations[target.id] := [] if some target in targets
`,
  )
  const toolchain = openToolchain()
  try {
    const { modules: files, data } = await readPolicySource(policies)
    const { volatile } = await toolchain.reads({ files, data })
    if (!volatile) throw new Error('decisions of a policy that reads the clock would be remembered')
  } finally {
    await toolchain.close()
  }
}

function serve({ config }: Ground): Promise<Running> {
  const args = [join(ROOT, 'bin/customhouse.js'), 'serve', '-c', config]
  return run(args, CORE_UNDER_TEST, /"data":"(http[^"]+)"/)
}

function gateway(name: string, { ready, pid }: Running, credential: string): Subject {
  return {
    name,
    origin: ready,
    path: '/openai/v1/chat/completions',
    headers: { authorization: `Bearer ${credential}` },
    pid,
  }
}

async function portkeyOf(): Promise<Subject | null> {
  if (!existsSync(portkeyServer())) {
    const installed = spawnSync(
      'npm',
      ['ci', '--prefix', 'bench', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      { cwd: ROOT, stdio: ['ignore', 2, 2] },
    )
    if (installed.status !== 0) {
      say('skipped: Portkey could not be installed from the npm registry')
      return null
    }
  }
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const { pid } = await run([portkeyServer(), '--headless', `--port=${port}`], CORE_UNDER_TEST, /(running|Ready|ready)/)
  return {
    name: 'portkey',
    origin: `http://127.0.0.1:${port}`,
    path: '/v1/chat/completions',
    headers: {
      authorization: 'Bearer upstream',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${origin}/v1`,
    },
    pid,
  }
}

/** Each subject in turn, round after round, so that a machine that speeds up or slows down does so for all. Medians over the rounds. */
async function interleaved(all: readonly Subject[], depth: number): Promise<Map<string, Figures>> {
  const rows = new Map<string, Figures[]>(all.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of all) {
      const before = cpuMicroseconds(subject.pid)
      const amount = depth === 1 ? Math.ceil(calls / 3) : calls
      const { seconds, latencies } = await load(subject, amount, depth)
      const sorted = latencies.toSorted()
      rows.get(subject.name)?.push({
        cpu_us: (cpuMicroseconds(subject.pid) - before) / amount,
        calls_per_s: amount / seconds,
        p50_ms: sorted[Math.floor(amount * 0.5)] ?? 0,
        p99_ms: sorted[Math.floor(amount * 0.99)] ?? 0,
        rss_mb: residentMegabytes(subject.pid),
      })
    }
    say(`round ${round + 1} of ${rounds} at ${depth} in flight`)
  }
  return new Map([...rows].map(([name, figures]) => [name, medians(figures)]))
}

function medians(rows: readonly Figures[]): Figures {
  const median = (key: keyof Figures): number => {
    const sorted = rows.map((row) => row[key]).sort((a, b) => a - b)
    return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 1000) / 1000
  }
  return {
    cpu_us: median('cpu_us'),
    calls_per_s: median('calls_per_s'),
    p50_ms: median('p50_ms'),
    p99_ms: median('p99_ms'),
    rss_mb: median('rss_mb'),
  }
}

/** A fast gateway that recorded nothing would win every table: each call must have its intent and its outcome, and the log must verify. */
async function verified({ state, folder }: Ground, made: number): Promise<void> {
  const directory = join(state, 'ledger')
  const counts = new Map<string, number>()
  const onDamage = ({ message }: { message: string }): never => {
    throw new Error(message)
  }
  for await (const { leaf } of readEntries(directory, { onDamage }))
    counts.set(leaf.kind, (counts.get(leaf.kind) ?? 0) + 1)
  const key = publishedVerifierKey(join(folder, 'keys'))
  const { status, damage } = await verifyLedger(directory, key === null ? {} : { publicKey: key })
  if (status === 'tampered' || damage !== null) throw new Error(`the ledger does not verify: ${damage?.message}`)
  for (const kind of ['call.intent', 'call.outcome']) {
    if (counts.get(kind) !== made)
      throw new Error(`${made} calls were made, the ledger holds ${counts.get(kind)} records of ${kind}`)
  }
  say(`the ledger holds intent and outcome of all ${made} calls, and is ${status}`)
}

function print(table: Readonly<Record<string, Figures>>, inFlight: Readonly<Record<string, Figures>>): void {
  const line = (name: string, { cpu_us, calls_per_s, p50_ms, p99_ms, rss_mb }: Figures): string =>
    `${name.padEnd(36)}${cpu_us.toFixed(0).padStart(8)}${calls_per_s.toFixed(0).padStart(9)}${p50_ms.toFixed(2).padStart(9)}${p99_ms.toFixed(2).padStart(9)}${rss_mb.toFixed(0).padStart(8)}`
  say(
    `${''.padEnd(36)}${'cpu us'.padStart(8)}${'calls/s'.padStart(9)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'rss MB'.padStart(8)}`,
  )
  for (const [name, figures] of Object.entries(table)) say(line(`${name}, 64 in flight`, figures))
  for (const [depth, figures] of Object.entries(inFlight)) say(line(`customhouse, ${depth} in flight`, figures))
  const { floor: bare, customhouse: ours, customhouse_everything: everything, portkey: theirs } = table
  if (bare !== undefined && ours !== undefined)
    say(`customhouse / floor, CPU per call: ${(ours.cpu_us / bare.cpu_us).toFixed(2)}`)
  if (bare !== undefined && everything !== undefined)
    say(`customhouse with everything on / floor, CPU per call: ${(everything.cpu_us / bare.cpu_us).toFixed(2)}`)
  if (theirs !== undefined && ours !== undefined)
    say(`customhouse / portkey, CPU per call: ${(ours.cpu_us / theirs.cpu_us).toFixed(2)}`)
}
