import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '..')
const TICKS_PER_SECOND = 100

/** Where processes run: the one under test alone on its core, where the machine has two and `taskset` is there. Else null: unbound. */
export type Cores = Readonly<{ underTest: number; rest: number }>

export function coresOf(): Cores | null {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  const [underTest, rest] = allowed.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
  if (underTest === undefined || rest === undefined) return null
  return spawnSync('taskset', ['-c', String(underTest), 'true']).status === 0 ? { underTest, rest } : null
}

/** A process of the benchmark, bound to one core where `taskset` is there. */
export type Running = Readonly<{ pid: number; ready: string; stop(): Promise<void> }>

/** Starts a process and waits until a line of its output (either stream) matches. `ready` is the first group of the match. */
export async function start(
  args: readonly string[],
  core: number | null,
  ready: RegExp,
  env: NodeJS.ProcessEnv = {},
): Promise<Running> {
  const bound = core === null ? [] : ['taskset', '-c', String(core)]
  const [command = '', ...rest] = [...bound, process.execPath, ...args]
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((done) => child.once('exit', () => done()))
  const said = await announcement(child, ready)
  return {
    pid: child.pid ?? 0,
    ready: said,
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await exited
      clearTimeout(timer)
    },
  }
}

function announcement(child: ChildProcess, ready: RegExp): Promise<string> {
  return new Promise((done, reject) => {
    let text = ''
    const hear = (chunk: Buffer): void => {
      if (text.length < 100_000) text += chunk.toString()
      const match = ready.exec(text)
      if (match !== null) done(match[1] ?? '')
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`exited with ${code} before it was ready:\n${text}`)))
  })
}

/** CPU that a process has used so far, all of its threads, user and system, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND
}

export function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}

export const portkeyServer = (): string => join(ROOT, 'bench/node_modules/@portkey-ai/gateway/build/start-server.js')
