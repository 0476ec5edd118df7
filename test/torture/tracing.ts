import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServeOptions, serve } from '../serve.ts'
import { type Copied, copyDoors } from './ground.ts'
import { disagreements, readBooks } from './journals.ts'
import { type LoadOptions, startLoad, type Told } from './load.ts'
import { tell } from './progress.ts'
import { startUpstream } from './upstream.ts'

/**
 * A gateway that has stopped or was killed, what is known of it, and a load: from here on it is started again and again, each time in a copy,
 * and one system call on its ledger fails or kills.
 */
export type Scene = Readonly<{
  left: Copied
  /** Where its providers are, as its configuration has it. */
  upstream: string
  told: readonly Told[]
  arrived: ReadonlyMap<string, number>
  options: ServeOptions
  load: Pick<LoadOptions, 'seed' | 'first' | 'clients' | 'calls' | 'only'>
}>

export const FAULTS = ['error=EIO', 'error=ENOSPC', 'signal=KILL'] as const
/** All that Node and SQLite ask of the system about files, but for `lseek` and locks. */
const NAMES =
  'openat,read,pread64,write,writev,pwrite64,fdatasync,fsync,rename,link,linkat,mkdir,ftruncate,unlink,unlinkat,fstat,newfstatat,statx,statfs,getdents64,ioctl,copy_file_range,sendfile,close'
const LANES = 3
/** How long a start may wait for room before it is told to stop: it tries again each second. */
const WAIT_MS = 2_500

/** One kind of call: its name, the file below the ground's folder that it touches, and how often one thread made it. */
export type Kind = Readonly<{ name: string; file: string; times: number }>
export type Fault = Readonly<{ kind: Kind; when: number; fault: (typeof FAULTS)[number] }>
/** `hit`: the fault was injected. `end`: `exit N` or `killed`, after `start` where that was before it listened. */
type Run = Readonly<{ hit: boolean; end: string; faults: readonly string[] }>

/** Every call on the ledger of one whole life: start, load, stop. */
export async function record(scene: Scene): Promise<readonly Kind[]> {
  const copy = copyDoors(scene.left, scene.upstream, scene.upstream)
  try {
    const trace = join(copy.folder, 'trace')
    const tracer = ['strace', '-f', '-qq', '-yy', '-s', '0', '-e', `trace=${NAMES}`, '-o', trace]
    const { end, unlocked } = await oneLife(scene, copy, tracer, [])
    if (unlocked) throw new Error('it ran unlocked, and nothing had failed')
    if (end !== 'exit 0') throw new Error(`it ended with ${end}, and nothing had failed`)
    return kindsIn(readFileSync(trace, 'utf8'), copy.folder)
  } finally {
    copy.remove()
  }
}

/** Injects all faults of a matrix, a life each. `wrong` must be empty; `ends` counts how the lives ended. */
export async function strike(scene: Scene, matrix: readonly Fault[]) {
  const ends = new Map<string, number>()
  const wrong: string[] = []
  const survived: string[] = []
  let missed = 0
  let next = 0
  const lane = async (): Promise<void> => {
    for (let one = matrix[next++]; one !== undefined; one = matrix[next++]) {
      const { hit, end, faults } = await withFault(scene, one)
      const what = `${one.kind.name} ${one.kind.file} ${one.fault}:when=${one.when}`
      if (!hit) missed++
      else if (!end.includes('exit 5') && !end.includes('killed')) survived.push(`${what}: ${end}`)
      ends.set(end, (ends.get(end) ?? 0) + 1)
      for (const fault of faults) wrong.push(`${what}: ${fault}`)
      tell(`${next} of ${matrix.length} faults`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return { ends, wrong, survived, missed }
}

/** How a life ended, and whether anybody could have locked its log while it served. */
type Ended = Readonly<{ end: string; unlocked: boolean }>

/** Starts, calls, stops. */
async function oneLife(scene: Scene, copy: Copied, tracer: readonly string[], told: Told[]): Promise<Ended> {
  let strace: number | undefined
  const waits: NodeJS.Timeout[] = []
  const served = await serve(copy, {
    ...scene.options,
    tracer,
    spawned: ({ pid }) => {
      strace = pid
    },
    // For a want of room a start waits, and tries again in threads that strace counts anew: to it the volume stays full.
    heard: ({ msg }) => {
      if (String(msg).includes('waits for room')) waits.push(setTimeout(() => stopTraced(strace), WAIT_MS))
    },
  }).catch((error: unknown) => String(error))
  for (const timer of waits) clearTimeout(timer)
  if (typeof served === 'string') {
    if (served.includes('not ready')) stopTraced(strace)
    const end = `start ${waits.length === 0 ? '' : 'waited, '}${endOf(/exited with (\w+)/.exec(served)?.[1] ?? served)}`
    return { end, unlocked: false }
  }
  const unlocked = canLock(join(copy.state, 'ledger', 'lock'))
  const load = startLoad({ ...scene.load, ...served, doors: copy, hear: (one) => told.push(one) })
  await load.ended
  // Time for a checkpoint that is not the stop's.
  await Promise.race([served.exited, sleep(150)])
  if (served.child.exitCode === null && existsSync(`/proc/${served.pid}`)) process.kill(served.pid, 'SIGTERM')
  return { end: endOf(String(await served.exited)), unlocked }
}

/** Whether a second process gets even a shared lock: who opened it for reading only holds no more than one himself. */
function canLock(path: string): boolean {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('BEGIN; SELECT count(*) FROM sqlite_master')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  } finally {
    database.close()
  }
}
const SQLITE_BUSY = 5

async function withFault(scene: Scene, { kind, when, fault }: Fault): Promise<Run> {
  const own = await startUpstream()
  const copy = copyDoors(scene.left, scene.upstream, own.url)
  const told: Told[] = []
  try {
    const trace = join(copy.folder, 'trace')
    const path = join(copy.folder, kind.file)
    const inject = ['-e', `trace=${kind.name}`, '-e', `inject=${kind.name}:${fault}:when=${when}`]
    const tracer = ['strace', '-f', '-qq', '-P', path, ...inject, '-o', trace]
    const { end, unlocked } = await oneLife(scene, copy, tracer, told)
    const hit = fault === 'signal=KILL' ? end.endsWith('killed') : readFileSync(trace, 'utf8').includes('(INJECTED)')
    // Without the tracer the disk is well again: what is there must be taken over, and nothing acknowledged may be missing.
    const next = await serve(copy, scene.options)
    next.child.kill('SIGTERM')
    const stopped = await next.exited
    const books = await readBooks(copy)
    const arrived = new Map([...scene.arrived, ...own.arrived])
    const faults = [...disagreements([...scene.told, ...told], arrived, books), ...own.faults]
    if (stopped !== 0) faults.push(`the next start ended with ${stopped}`)
    if (hit && !(ENDS[fault].includes(end) || isRefused(kind, end))) faults.push(`it ended with ${end}`)
    // What cannot be opened for writing SQLite opens for reading only, where two processes could both hold what they take for the lock.
    if (unlocked) faults.push('it ran unlocked')
    // A want of room passes, and the next attempt makes the file.
    if (hit && opensLock(kind) && fault === 'error=EIO' && end === 'exit 0') faults.push('it went on without its lock')
    // Where it went on, the call was not essential: nobody may have noticed. But for a want of room beside the keys, which calls wait out.
    const noRoom = fault === 'error=ENOSPC' && besideKeys(kind)
    if (
      end === 'exit 0' &&
      told.some(({ status, turn }) => (status === 503 && !noRoom) || (status === null && turn !== 'leaves'))
    )
      faults.push('it went on, and calls failed')
    return { hit, end, faults }
  } catch (error) {
    return { hit: true, end: 'no end', faults: [String(error)] }
  } finally {
    await own.close()
    copy.remove()
  }
}

const ENDS: Readonly<Record<(typeof FAULTS)[number], readonly string[]>> = {
  'error=EIO': ['exit 5', 'start exit 5', 'exit 0'],
  'error=ENOSPC': ['exit 5', 'start exit 5', 'exit 0', 'start waited, exit 0'],
  'signal=KILL': ['killed', 'start killed'],
}

/** A keys folder that cannot be written to is told by a code of its own, before anything is appended. */
const isRefused = (kind: Kind, end: string): boolean => besideKeys(kind) && end === 'start exit 1'

const besideKeys = ({ file }: Kind): boolean => /^keys(?:\/|$)/.test(file)

/** Asks the process that strace runs to stop. */
function stopTraced(strace: number | undefined): void {
  const traced = readFileSync(`/proc/${strace}/task/${strace}/children`, 'utf8').trim()
  if (/^\d+$/.test(traced)) process.kill(Number(traced), 'SIGTERM')
}

const endOf = (code: string): string => (code === 'null' || code === '137' ? 'killed' : `exit ${code}`)

/** Opens the lock of a log, or that of its keys. */
export const opensLock = ({ name, file }: Kind): boolean => name === 'openat' && /[./]lock$/.test(file)

/**
 * Files of the ledger, below the ground's folder: the log, its reserve and its lock, the state's version, and what stands of the log beside the keys
 * (the newest head, the lock). The keys themselves are no part of it.
 */
const OURS =
  /^(?:\w+ state\/(?:ledger|version).*|mkdir state|(?:fsync|close) (?:state|keys)|\w+ keys\/ledger\.(?!pem$|vkey$).*)$/

/** The calls of a trace on a ledger's files, as strace counts them: in each thread by itself. */
function kindsIn(trace: string, folder: string): readonly Kind[] {
  const counts = new Map<string, number>()
  for (const line of trace.split('\n')) {
    const call = /^(\d+)\s+(\w+)\((.*)/.exec(line)
    const at = line.indexOf(`${folder}/`)
    if (call === null || at < 0) continue
    // Of the two names of a rename the first.
    const file = line.slice(at + folder.length + 1).replace(/[<>"].*$/, '')
    if (!OURS.test(`${call[2]} ${file}`)) continue
    const key = `${call[1]} ${call[2]} ${file}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const most = new Map<string, Kind>()
  for (const [key, count] of counts) {
    const [, name = '', file = ''] = key.split(' ')
    const times = Math.max(most.get(`${name} ${file}`)?.times ?? 0, count)
    most.set(`${name} ${file}`, { name, file, times })
  }
  return [...most.values()]
}
