import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Ground, ROOT } from './house.ts'

/** The shipped `customhouse serve` as a process of its own. */
export type Served = Readonly<{
  baseURL: string
  admin: string
  child: ChildProcess
  /** Of the gateway itself, where it runs under a tracer. */
  pid: number
  /** Parsed lines of its log. */
  log: readonly Record<string, unknown>[]
  exited: Promise<number | null>
}>

export type ServeOptions = Readonly<{
  tracer?: readonly string[]
  env?: NodeJS.ProcessEnv
  readyMs?: number
  /** Gets the process before it listens, so that it can be killed in its start. */
  spawned?: (child: ChildProcess) => void
  /** Hears each line of its log, for what is told before it listens. */
  heard?: (line: Record<string, unknown>) => void
}>

/** Starts it and waits until it listens. */
export async function serve(ground: Pick<Ground, 'config'>, options: ServeOptions = {}): Promise<Served> {
  const [command, ...args] = [
    ...(options.tracer ?? []),
    process.execPath,
    join(ROOT, 'bin/customhouse.js'),
    'serve',
    '-c',
    ground.config,
  ]
  const child = spawn(command ?? '', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  options.spawned?.(child)
  const log: Record<string, unknown>[] = []
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    let rest = ''
    const timer = setTimeout(
      () => reject(new Error(`not ready in time:\n${rest}${JSON.stringify(log)}`)),
      options.readyMs ?? 60_000,
    )
    child.stderr?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const said = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { msg: line }
        log.push(said)
        options.heard?.(said)
        if (said.msg === 'listening') {
          clearTimeout(timer)
          resolve(said)
        }
      }
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`exited with ${code}:\n${JSON.stringify(log)}${rest}`))
    })
  })
  const { data, admin, pid } = await ready
  return { baseURL: `${data}/openai/v1`, admin: String(admin), child, pid: Number(pid ?? child.pid), log, exited }
}

/** Whether strace is here and may trace. With CI=true it must be. */
export function canTrace(): boolean {
  const works = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', process.execPath, '-e', '0']).status === 0
  if (!works && process.env.CI === 'true') throw new Error('strace must work where CI=true')
  if (!works) console.log('skipped: strace is not here, or may not trace')
  return works
}
