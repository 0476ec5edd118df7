import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { LOG, placeIn } from '../audit/kit.ts'
import { canTrace, type ServeOptions, serve } from '../serve.ts'
import { type Doors, layDoors, SECRET } from '../torture/ground.ts'
import { startLoad, type Told } from '../torture/load.ts'
import { FAULTS, type Fault, type Kind, opensLock, record, type Scene, strike } from '../torture/tracing.ts'
import { startUpstream, type Upstream } from '../torture/upstream.ts'
import { Caller2 } from '../wire/callers.ts'
import { addressOf, OPENAI } from '../wire/doors.ts'

/**
 * Faults at the system calls of the real process that touch its ledger: in the start that takes over what a kill left, in commits and
 * checkpoints under load, at the seal of a segment, and in the stop. The calls are recorded first; then each of them fails with EIO, with
 * ENOSPC, or kills.
 */
/** A state of version 1, as the tests of the upgrade have it. */
const GOLDEN = placeIn(join(import.meta.dirname, '../audit/golden/state-1'))
const ALL = process.env.CUSTOMHOUSE_DISK === 'all'
/** What makes the log. The others only look or read: they fail with EIO alone. */
const APPENDS = new Set([
  'openat',
  'write',
  'fdatasync',
  'fsync',
  'rename',
  'ftruncate',
  'unlink',
  'link',
  'mkdir',
  'ioctl',
  'copy_file_range',
  'sendfile',
])

/**
 * All times of all calls, up to `most` of each; or of each kind with each fault one, in turn the first, which is often in the start, and one
 * well into the load.
 */
function matrixOf(kinds: readonly Kind[], most = Number.POSITIVE_INFINITY): readonly Fault[] {
  return kinds.flatMap((kind, index) =>
    FAULTS.flatMap((fault, turn): Fault[] => {
      const times = Math.min(kind.times, most)
      // Of these every time: without its lock a gateway must not run.
      if (ALL || opensLock(kind)) return Array.from({ length: times }, (_, at) => ({ kind, fault, when: at + 1 }))
      if (!APPENDS.has(kind.name) && fault !== 'error=EIO') return []
      return [{ kind, fault, when: (index + turn) % 2 === 0 ? 1 : Math.ceil(times * 0.6) }]
    }),
  )
}

/** Of the sample every other call with one fault, in turn; the opening of a lock with all of them. */
function sampled(matrix: readonly Fault[]): readonly Fault[] {
  const many = FAULTS.length
  return matrix.filter(
    ({ kind }, index) => ALL || opensLock(kind) || index % (2 * many) === Math.floor(index / many) % many,
  )
}

/** Sets every fault going, and holds what came of it against what must hold. */
async function endure(scene: Scene, matrix: readonly Fault[]): Promise<void> {
  const { ends, wrong, survived, missed } = await strike(scene, matrix)
  console.log(`${matrix.length} faults, ${missed} not reached, ${JSON.stringify(Object.fromEntries(ends))}`)
  console.log(`It went on after:\n${survived.join('\n')}`)
  expect(wrong).toEqual([])
  // How often a call is made depends on how commits fall together: the last times of each may not come.
  expect(missed).toBeLessThan(matrix.length / 5)
}

const namesOf = (kinds: readonly Kind[]): string[] => kinds.map(({ name, file, times }) => `${name} ${file} ${times}`)

describe.skipIf(!canTrace())('system calls on the ledger', () => {
  let cache = ''
  let upstream: Upstream
  let options: ServeOptions
  const grounds: Doors[] = []

  beforeAll(async () => {
    cache = mkdtempSync(join(tmpdir(), 'customhouse-compiled-'))
    options = { env: { ...SECRET, NODE_COMPILE_CACHE: cache } }
    upstream = await startUpstream()
  })

  afterAll(async () => {
    await upstream?.close()
    for (const ground of grounds) ground.remove()
    rmSync(cache, { recursive: true, force: true })
  })

  async function lay(audit: Readonly<Record<string, string>>): Promise<Doors> {
    const doors = await layDoors(upstream.url, { audit: { log: 'test/torture', checkpoint_every: '100ms', ...audit } })
    grounds.push(doors)
    // One that ends in good order writes the cache from which the others start.
    const good = await serve(doors, options)
    good.child.kill('SIGTERM')
    expect(await good.exited).toBe(0)
    return doors
  }

  /** What a kill leaves: open intents, a tail that never was whole, half a file. */
  async function killed(): Promise<Scene> {
    const left = await lay({ progress_every: '100ms', progress_bytes: '1KiB' })
    const told: Told[] = []
    const served = await serve(left, options)
    const load = startLoad({ ...served, doors: left, seed: 1, first: 0, clients: 6, hear: (one) => told.push(one) })
    await vi.waitUntil(() => told.length > 20 && load.inFlight() > 1, { timeout: 20_000, interval: 1 })
    served.child.kill('SIGKILL')
    load.stop()
    await Promise.all([served.exited, load.ended])
    const ledger = join(left.state, 'ledger')
    const [segment = ''] = readdirSync(ledger).filter((name) => name.endsWith('.seg'))
    appendFileSync(join(ledger, segment), Buffer.alloc(100))
    writeFileSync(join(ledger, 'checkpoint.unfinished'), 'half')
    const arrived = new Map(upstream.arrived)
    return {
      left,
      upstream: upstream.url,
      told,
      arrived,
      options,
      load: { seed: 1, first: 1e6, clients: 4, calls: 20 },
    }
  }

  /** What the program before the versions left, in the hands of this one: no version, no head beside the keys, no reserve, and no lock file. */
  async function ofVersion1(): Promise<Scene> {
    const left = await lay({ log: LOG, progress_every: '1h', progress_bytes: '64MiB' })
    const keys = join(left.folder, 'keys')
    for (const name of ['ledger', 'version']) rmSync(join(left.state, name), { recursive: true })
    for (const name of readdirSync(keys))
      if (name === 'content' || name.startsWith('ledger.')) rmSync(join(keys, name), { recursive: true })
    cpSync(GOLDEN.state, left.state, { recursive: true })
    cpSync(GOLDEN.keys, keys, { recursive: true })
    const load = { seed: 1, first: 1e6, clients: 1, calls: 2, only: 'fine' } as const
    return { left, upstream: upstream.url, told: [], arrived: new Map(), options, load }
  }

  /** A first segment that a dozen calls will fill: 64 MiB of denials, which a policy gives at length. */
  async function almostFull(): Promise<Scene> {
    const left = await lay({ progress_every: '1h', progress_bytes: '64MiB' })
    const { baseURL, child, exited } = await serve(left, options)
    const segment = join(left.state, 'ledger', `${'0'.repeat(20)}.seg`)
    const rest = (): number => 64 * 1024 * 1024 - statSync(segment).size
    const deny = async (how: string, until: number): Promise<void> => {
      const caller = new Caller2(Number(new URL(baseURL).port))
      const headers = { authorization: `Bearer ${left.deniedKey}`, 'x-customhouse-meta-case': how }
      while (rest() > until) {
        const { status } = await caller.call(
          addressOf(OPENAI),
          { ...headers, 'content-type': 'application/json' },
          Buffer.from(OPENAI.body()),
        )
        expect(status).toBe(403)
      }
      caller.close()
    }
    await Promise.all(Array.from({ length: 8 }, () => deny('long', 400_000)))
    await deny('long', 50_000)
    await deny('short', 14_000)
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    // One client, and nothing by time: the next segment is named by the number of its first record.
    const load = { seed: 1, first: 1e6, clients: 1, calls: 16, only: 'fine' } as const
    return { left, upstream: upstream.url, told: [], arrived: new Map(), options, load }
  }

  test('of a start, commits, checkpoints and a stop fail or kill: nothing acknowledged is lost, doubled or changed; exit 5, or it goes on rightly; the next start recovers', async () => {
    const scene = await killed()
    const kinds = await record(scene)
    console.log(namesOf(kinds).join('\n'))
    for (const name of ['openat', 'write', 'fdatasync', 'fsync', 'rename', 'ftruncate', 'unlink', 'statfs'])
      expect(kinds.map((kind) => kind.name)).toContain(name)
    expect(kinds.filter(opensLock).length).toBeGreaterThan(0)
    await endure(scene, matrixOf(kinds))
  }, 3_600_000)

  test('of a start on a state of version 1 without lock and reserve fail or kill: same', async () => {
    const scene = await ofVersion1()
    const kinds = (await record(scene)).filter(({ file }) => !/checkpoint|snapshot/.test(file))
    console.log(namesOf(kinds).join('\n'))
    // What is made once: the version, the reserve, the head beside the keys, the locks, and a copy of the segment that nobody else can have open.
    const made = new Set(kinds.map(({ name, file }) => `${name} ${file}`))
    for (const what of [
      'rename state/version.unfinished',
      'write state/ledger/reserve.unfinished',
      'rename state/ledger/reserve.unfinished',
      'openat state/ledger/lock',
      'rename state/ledger/00000000000000000011.seg.unfinished',
    ])
      expect([...made]).toContain(what)
    expect([...made].filter((what) => /^rename keys\/ledger\..*head.*unfinished$/.test(what))).toHaveLength(1)
    expect([...made].some((what) => /^(?:ioctl|copy_file_range|sendfile) state\/ledger\/.*\.seg/.test(what))).toBe(true)
    await endure(scene, sampled(matrixOf(kinds.filter(({ name }) => ALL || APPENDS.has(name)))))
  }, 3_600_000)

  test('of the seal of a full segment fail or kill: same', async () => {
    const scene = await almostFull()
    // After the seal the next segment is written to as the first was.
    const kinds = (await record(scene)).filter(
      ({ file }) => /snapshot|\d{20}\.seg/.test(file) && !file.includes('0'.repeat(20)),
    )
    console.log(namesOf(kinds).join('\n'))
    for (const name of ['openat', 'write', 'fsync', 'rename', 'link'])
      expect(kinds.map((kind) => kind.name)).toContain(name)
    // Each life reads 64 MiB.
    await endure(scene, sampled(matrixOf(kinds, 2)))
  }, 3_600_000)
})
