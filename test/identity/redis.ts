import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A redis-server of the test's own, with a password. */
export type RedisServer = Readonly<{
  url: string
  password: string
  start(): Promise<void>
  /** kill -9. What was written is on its disk (`appendfsync always`). */
  kill(): Promise<void>
  /** SIGSTOP, and on with it. */
  hang(): void
  goOn(): void
  /** A command of an operator's; what redis-cli prints. */
  command(...words: readonly string[]): string
  remove(): Promise<void>
}>

/** Whether redis-server is here; with CI=true it must be. */
export function hasRedis(): boolean {
  const there = spawnSync('redis-server', ['--version']).status === 0
  if (!there && process.env.CI === 'true') throw new Error('redis-server must be here where CI=true')
  if (!there) console.log('skipped: redis-server is not here')
  return there
}

export async function redisServer(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-redis-'))
  const port = await freePort()
  const password = 'correct-horse'
  const conf = join(folder, 'redis.conf')
  writeFileSync(
    conf,
    `port ${port}\nbind 127.0.0.1\ndir ${folder}\nrequirepass ${password}\nappendonly yes\nappendfsync always\nsave ""\n`,
  )
  let child: ChildProcess | null = null
  const start = async (): Promise<void> => {
    const server = spawn('redis-server', [conf], { stdio: ['ignore', 'pipe', 'ignore'] })
    child = server
    await new Promise<void>((resolve, reject) => {
      server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
      server.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('Ready to accept connections')) resolve()
      })
    })
  }
  const kill = async (): Promise<void> => {
    const server = child
    if (server === null || server.exitCode !== null || server.signalCode !== null) return
    const gone = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}/0`,
    password,
    start,
    kill,
    hang: () => void child?.kill('SIGSTOP'),
    goOn: () => void child?.kill('SIGCONT'),
    command: (...words) =>
      spawnSync('redis-cli', ['-p', String(port), '-a', password, '--no-auth-warning', ...words], {
        encoding: 'utf8',
      }).stdout.trim(),
    remove: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
