import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../house.ts'
import { type Command, commandFor, type Name, readCommand, USAGE, UsageError } from './command.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** The long versions: `npm run torture`. Ends with 1 at the first invariant that does not hold. docs/torture.md says what each of them breaks. */

function commandOf(args: readonly string[]): Command {
  try {
    const command = readCommand(args, Math.floor(Math.random() * 1e6))
    if (command !== 'help') return command
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`torture: ${error.message}\n\n${USAGE}`)
    process.exit(3)
  }
}
const command = commandOf(process.argv.slice(2))
const { kills, calls, minutes, seed } = command

const TORTURES: Readonly<Record<Name, () => Promise<Verdict>>> = {
  kill: () => suite('kill', ['test/faults/kill.test.ts'], { CUSTOMHOUSE_KILLS: String(kills) }),
  disk: () => suite('disk', ['test/faults/disk.test.ts'], { CUSTOMHOUSE_DISK: 'all' }),
  reload: () =>
    suite('reload', ['test/faults/reload.test.ts', 'test/faults/activations.test.ts'], {
      CUSTOMHOUSE_RELOAD_SECONDS: String((minutes ?? 1) * 60),
      CUSTOMHOUSE_ACTIVATIONS: '10000',
    }),
  machine: () => suite('machine', ['test/faults/machine.test.ts'], { CUSTOMHOUSE_MACHINE_RUNS: '1000' }),
  soak: async () => {
    const { soak } = await import('./soak.ts')
    const { figures, faults } = await soak({
      calls,
      seed,
      ...(minutes === null ? {} : { minutes }),
      tell: line('soak'),
    })
    for (const fault of faults) console.error(`\n${fault}`)
    const told = Object.entries(figures).map(([name, value]) => `    ${name}: ${value}`)
    return { verdict: faults.length === 0 ? 'held' : 'BROKEN', figures: `\n${told.join('\n')}` }
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
async function suite(name: Name, files: readonly string[], env: Readonly<Record<string, string>>): Promise<Verdict> {
  const there = files.filter((file) => existsSync(join(ROOT, file)))
  if (there.length < files.length) return { verdict: 'BROKEN', figures: `${files.join(', ')}: not there` }
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
  const result = verdictOf(code, output)
  if (result.verdict === 'BROKEN') console.error(`\n${output}`)
  return result
}

console.error(`seed ${seed}`)
const summary: string[] = []
let broken: Name | null = null
for (const name of command.names) {
  const began = performance.now()
  const result = await TORTURES[name]().catch(
    (error: unknown): Verdict => ({ verdict: 'BROKEN', figures: String(error) }),
  )
  const seconds = Math.round((performance.now() - began) / 1000)
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  summary.push(`${result.verdict} ${name}, ${seconds} s: ${result.figures}`)
  if (result.verdict !== 'BROKEN') continue
  broken = name
  break
}
console.log(summary.join('\n'))
if (broken !== null) console.log(`To repeat it: ${commandFor(broken, command)}`)
process.exit(broken === null ? 0 : 1)
