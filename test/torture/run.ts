import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../house.ts'
import { soak } from './soak.ts'

/**
 * The long versions: `npm run torture [-- kill|disk|reload|machine|soak] [--kills N] [--calls N] [--minutes N] [--seed S]`. Ends with 1 at the
 * first invariant that does not hold. docs/torture.md says what each of them breaks.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '10000' },
    calls: { type: 'string', default: '1000000' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
  },
})
const number = (name: 'kills' | 'calls' | 'minutes' | 'seed'): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= (name === 'seed' ? 0 : 1)) return value
  console.error(`--${name} takes a whole number`)
  process.exit(3)
}
const kills = number('kills')
const calls = number('calls')
const seed = number('seed')
const minutes = values.minutes === undefined ? undefined : number('minutes')

type Result = Readonly<{ held: boolean; figures: string }>
type Torture = () => Promise<Result>

const TORTURES: Readonly<Record<string, Torture>> = {
  kill: () => suite('kill', ['test/faults/kill.test.ts'], { CUSTOMHOUSE_KILLS: String(kills) }),
  disk: () => suite('disk', ['test/faults/disk.test.ts'], { CUSTOMHOUSE_DISK: 'all' }),
  reload: () =>
    suite('reload', ['test/faults/reload.test.ts', 'test/faults/activations.test.ts'], {
      CUSTOMHOUSE_RELOAD_SECONDS: String((minutes ?? 1) * 60),
      CUSTOMHOUSE_ACTIVATIONS: '10000',
    }),
  machine: () => suite('machine', ['test/faults/machine.test.ts'], { CUSTOMHOUSE_MACHINE_RUNS: '1000' }),
  soak: async () => {
    const { figures, faults } = await soak({
      calls,
      seed,
      ...(minutes === undefined ? {} : { minutes }),
      tell: line('soak'),
    })
    for (const fault of faults) console.error(`\n${fault}`)
    const told = Object.entries(figures).map(([name, value]) => `    ${name}: ${value}`)
    return { held: faults.length === 0, figures: `\n${told.join('\n')}` }
  },
}

/** One line that is written over on a terminal; elsewhere one now and then. */
function line(name: string): (text: string) => void {
  let told = 0
  return (text) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${name}: ${text}`)
    else if (performance.now() - told > 30_000 || told === 0) {
      told = performance.now()
      process.stderr.write(`${name}: ${text}\n`)
    }
  }
}

/** Files of the suite, with the counts of the long version. */
async function suite(name: string, files: readonly string[], env: Readonly<Record<string, string>>): Promise<Result> {
  const there = files.filter((file) => existsSync(join(ROOT, file)))
  if (there.length === 0) return { held: false, figures: `${files.join(', ')}: not there` }
  const scratch = mkdtempSync(join(tmpdir(), 'customhouse-torture-'))
  const progress = join(scratch, 'progress')
  const say = line(name)
  const began = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1000)
    say(`${seconds} s${existsSync(progress) ? `, ${readFileSync(progress, 'utf8')}` : ''}`)
  }, 1_000)
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', ...there], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, CUSTOMHOUSE_SEED: String(seed), CUSTOMHOUSE_PROGRESS: progress, NO_COLOR: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString()
    })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearInterval(timer)
  rmSync(scratch, { recursive: true, force: true })
  if (code !== 0) console.error(`\n${output}`)
  // What the tests print: their figures.
  const figures = output.split('\n').filter((text) => /^\{"|^\d+ (?:faults|kills|calls|activations|runs)/.test(text))
  return { held: code === 0, figures: figures.join('; ') }
}

for (const name of positionals) {
  if (name in TORTURES) continue
  console.error(`${name} is none of ${Object.keys(TORTURES).join(', ')}`)
  process.exit(3)
}
console.error(`seed ${seed}`)
const summary: string[] = []
let held = true
for (const [name, torture] of Object.entries(TORTURES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const began = performance.now()
  const result = await torture().catch((error: unknown) => ({ held: false, figures: String(error) }))
  const seconds = Math.round((performance.now() - began) / 1000)
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  summary.push(`${result.held ? 'held' : 'BROKEN'} ${name}, ${seconds} s: ${result.figures}`)
  held = result.held
  if (!held) break
}
console.log(summary.join('\n'))
if (!held) console.log(`To repeat it: npm run torture -- ${positionals.join(' ')} --seed ${seed}`)
process.exit(held ? 0 : 1)
