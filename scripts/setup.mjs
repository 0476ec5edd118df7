// Sets this checkout up: dependencies, and with them the Node that the project runs on. Plain JavaScript for whatever Node is there.
// Does nothing when the lock file is the one that was installed last.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.customhouse-setup')
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
if (installed !== lock) {
  const running = runningHere()
  if (running.length > 0) {
    console.error(
      `A demo or gateway runs from this checkout (process ${running.join(', ')}), on the dependencies that would be replaced.`,
    )
    console.error('End it, and try again.')
    process.exit(1)
  }
  console.error('Setting up: npm ci (once for each change of package-lock.json)')
  const quiet = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync('npm', quiet, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (done.status !== 0) {
    console.error(`npm ci failed (${done.error?.message ?? `exit ${done.status}`}). It needs the npm registry, once.`)
    process.exit(1)
  }
  writeFileSync(stamp, lock)
}

/** Processes that said that they run from here (src/cli/checkout.ts) and still do. What a killed one left is removed. */
function runningHere() {
  const folder = join(root, 'node_modules', '.customhouse-running')
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((pid) => {
    if (/^\d+$/.test(pid) && isOurs(Number(pid))) return true
    rmSync(join(folder, pid), { force: true })
    return false
  })
}

function isOurs(pid) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
  // A process id is used again after a while; where the system tells, the command line must be ours.
  const commandLine = `/proc/${pid}/cmdline`
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('customhouse')
}

const local = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
const version = existsSync(local)
  ? spawnSync(local, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' }).stdout
  : process.version
if (Number(/^v(\d+)/.exec(version)?.[1] ?? 0) < 24) {
  console.error(
    `Customhouse runs on Node 24 or newer; this is ${version.trim()}, and no Node came with the dependencies for ${process.platform}-${process.arch}.`,
  )
  console.error('Install Node 24 (nodejs.org) and try again.')
  process.exit(1)
}
