import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { type Simulator, startSimulator } from '../src/cli/demo/simulator.ts'
import { ROOT } from './house.ts'
import { selfSigned } from './kit/certificate.ts'

/** The host that `customhouse init` points at. A simulator answers for it here: name, certificate and TLS are checked, the address is not. */
export const HOST = 'eu.api.openai.com'

/** A shell in a folder of its own, with `customhouse` on its PATH; what one block sets, starts or enters, the next one finds. */
export type Session = Readonly<{
  folder: string
  simulator: Simulator
  /** Runs one block. Rejects, with what was printed, where a command of it fails (`set -e`). Standard error is part of the output. */
  run(block: string): Promise<string>
  close(): Promise<void>
}>

/** Whether what the README calls is here. With CI=true it must be. */
export function hasShell(): boolean {
  const missing = ['bash', 'curl', 'sed', 'grep'].filter((name) => spawnSync(name, ['--version']).error !== undefined)
  if (missing.length > 0 && process.env.CI === 'true')
    throw new Error(`${missing.join(', ')} must be here where CI=true`)
  if (missing.length > 0) console.log(`skipped: the README's blocks need ${missing.join(', ')}`)
  return missing.length === 0
}

export async function openSession(): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-readme-'))
  const simulator = await startSimulator({ region: 'Dublin, IE' })
  const front = await openFront(simulator)
  write(join(folder, 'ca.pem'), front.certificate)
  write(join(folder, 'redirect.mjs'), redirect(front.port))
  write(
    join(folder, 'bin/customhouse'),
    `#!/bin/sh\nexport NODE_EXTRA_CA_CERTS='${join(folder, 'ca.pem')}'\nexec '${process.execPath}' --import '${join(folder, 'redirect.mjs')}' '${join(ROOT, 'bin/customhouse.js')}' "$@"\n`,
  )
  const [data, admin] = await Promise.all([freePort(), freePort()])
  const shell = openShell(folder, {
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
    CUSTOMHOUSE_DATA_LISTEN: `127.0.0.1:${data}`,
    CUSTOMHOUSE_ADMIN_LISTEN: `127.0.0.1:${admin}`,
  })
  return {
    folder,
    simulator,
    // The documented ports may be somebody's on this machine.
    run: (block) => shell.run(block.replaceAll('127.0.0.1:8450', `127.0.0.1:${data}`)),
    close: async () => {
      await shell.close()
      await front.close()
      await simulator.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode: 0o755 })
}

function redirect(port: number): string {
  return `import tls from 'node:tls'
const { connect } = tls
tls.connect = (options, ...rest) =>
  connect(options.host === '${HOST}' ? { ...options, host: '127.0.0.1', port: ${port} } : options, ...rest)
`
}

type Front = Readonly<{ port: number; certificate: string; close(): Promise<void> }>

/** TLS in front of a simulator, with a certificate for {@link HOST}. */
async function openFront(simulator: Simulator): Promise<Front> {
  const { key, cert } = selfSigned([HOST])
  const sockets = new Set<Socket>()
  const server = createTlsServer({ key, cert }, (client) => {
    const upstream = connect(Number(new URL(simulator.baseUrl).port), '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => sockets.delete(socket))
      socket.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    certificate: cert,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function freePort(): Promise<number> {
  const server = createTcpServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

const END = '== end of block =='

function openShell(folder: string, own: Readonly<Record<string, string>>): Pick<Session, 'run' | 'close'> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(CUSTOMHOUSE|OPENAI|NODE_OPTIONS|VITEST)/.test(name),
  )
  const shell = spawn('bash', ['--norc', '--noprofile'], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...own },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  let output = ''
  let waiting: PromiseWithResolvers<string> | null = null
  const closed = new Promise<void>((resolve) => {
    shell.once('close', (code) => {
      waiting?.reject(new Error(`the block ended the shell (exit ${code}):\n${output}`))
      resolve()
    })
  })
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const end = output.indexOf(END)
    if (end === -1) return
    waiting?.resolve(output.slice(0, end))
    output = ''
  })
  shell.stdin.write('exec 2>&1\nset -e\n')
  return {
    run: (block) => {
      const answer = Promise.withResolvers<string>()
      waiting = answer
      shell.stdin.write(`${block}\necho '${END}'\n`)
      return answer.promise
    },
    close: async () => {
      if (shell.pid !== undefined && shell.exitCode === null && shell.signalCode === null)
        process.kill(-shell.pid, 'SIGKILL')
      await closed
    },
  }
}
