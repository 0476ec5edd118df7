import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pino from 'pino'
import { afterAll, describe, expect, test } from 'vitest'
import { type Customhouse, compose } from '../../src/compose.ts'
import { policySourceDigest, readPolicySource } from '../../src/policy/source.ts'
import { type Ground, layGround, startHouse, writePolicies } from '../house.ts'
import { probePolicies } from '../probe.ts'

/** What a version is made of: one walk for whoever looks and whoever reads, and nothing half read becomes active. */

const root = mkdtempSync(join(tmpdir(), 'customhouse-content-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let number = 0
const fresh = (): string => {
  const at = join(root, String(number++))
  mkdirSync(at)
  return at
}
function write(at: string, path: string, text: string): void {
  mkdirSync(dirname(join(at, path)), { recursive: true })
  writeFileSync(join(at, path), text)
}

describe('a look sees what is read, and nothing else', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', '.c', 'schema'), { maxLength: 2 })
    .chain((folders) =>
      fc
        .constantFrom('x.rego', 'y.yaml', 'z.json', 'README.md', '.hidden.json', 'w.txt')
        .map((name) => [...folders, name].join('/')),
    )
  const files = fc.dictionary(path, fc.constantFrom('{}', '{"k": 1}', 'package a\n', ''), { maxKeys: 6 })

  test('property: its digest is another exactly when the reading comes to something else', async () => {
    const read = (at: string): Promise<unknown> => readPolicySource(at).catch((error: unknown) => String(error))
    await fc.assert(
      fc.asyncProperty(files, files, async (one, other) => {
        const [first, second] = [fresh(), fresh()]
        for (const [name, text] of Object.entries(one)) write(first, name, text)
        for (const [name, text] of Object.entries(other)) write(second, name, text)
        const [digest, reading] = [await policySourceDigest(first), await readPolicySource(first).catch(() => null)]
        if (reading !== null) expect(digest).toBe(reading.digest)
        const same = digest === (await policySourceDigest(second))
        if (same) expect(await read(first)).toEqual(await read(second))
        else if (reading !== null) expect(await readPolicySource(second).catch(() => null)).not.toEqual(reading)
      }),
      { numRuns: 100 },
    )
  })

  test.each([
    ['a folder beside it', '../beside'],
    ['itself', '.'],
    ['a folder inside', 'inside'],
    ['/proc', '/proc'],
    ['/usr', '/usr'],
    ['/dev/zero', '/dev/zero'],
    ['nothing', 'nowhere'],
  ])('a link to %s is passed over by both', async (_, target) => {
    const at = join(fresh(), 'policies')
    mkdirSync(join(at, '..', 'beside'), { recursive: true })
    write(at, 'main.rego', 'package a\n')
    write(at, 'inside/x.yaml', 'k: 1\n')
    const before = await policySourceDigest(at)
    symlinkSync(target, join(at, 'x'))
    symlinkSync(target, join(at, 'inside', 'y'))
    write(at, '../beside/new.rego', 'package b\n')
    expect(await policySourceDigest(at)).toBe(before)
    expect((await readPolicySource(at)).digest).toBe(before)
  })

  test('a link out of the folder that has the name of a policy is a fault to both, as long as it is there', async () => {
    const at = fresh()
    write(at, 'main.rego', 'package a\n')
    const before = await policySourceDigest(at)
    symlinkSync('/dev/zero', join(at, 'x.rego'))
    expect(await policySourceDigest(at)).not.toBe(before)
    await expect(readPolicySource(at)).rejects.toThrow(/x\.rego.*leads out/)
    rmSync(join(at, 'x.rego'))
    expect(await policySourceDigest(at)).toBe(before)
  })

  test.each<[string, (at: string) => void, RegExp]>([
    [
      'entries',
      (at) => execFileSync('bash', ['-c', 'cd "$0" && seq 10001 | xargs touch', at]),
      /holds more than 10000 entries/,
    ],
    [
      'files',
      (at) => execFileSync('bash', ['-c', 'cd "$0" && seq -f %g.rego 4097 | xargs touch', at]),
      /holds more than 4096 files/,
    ],
    [
      'bytes',
      (at) => execFileSync('bash', ['-c', 'cd "$0" && for i in $(seq 129); do truncate -s 1M $i.rego; done', at]),
      /holds more than 128 MiB/,
    ],
    ['folders in each other', (at) => write(at, `${'d/'.repeat(33)}x.rego`, ''), /holds more than 32 folders/],
  ])('more %s than there may be end a look and a reading early', async (_, make, message) => {
    const at = fresh()
    write(at, 'main.rego', 'package a\n')
    make(at)
    await expect(policySourceDigest(at)).rejects.toThrow(message)
    await expect(readPolicySource(at)).rejects.toMatchObject({ code: 'ERR_POLICY_COMPILE' })
  })

  test('a ConfigMap with folders, as Kubernetes mounts it, is read, and its swap is seen', async () => {
    const at = fresh()
    layMap(at, {
      one: { 'main.rego': 'package a\n', 'b/c.yaml': 'k: 1\n' },
      two: { 'main.rego': 'package a\n', 'b/c.yaml': 'k: 2\n' },
    })
    expect(await readPolicySource(at)).toMatchObject({ modules: { 'main.rego': 'package a\n' }, data: { b: { k: 1 } } })
    const before = await policySourceDigest(at)
    swap(at, 'two')
    expect(await policySourceDigest(at)).not.toBe(before)
    expect(await readPolicySource(at)).toMatchObject({ data: { b: { k: 2 } } })
  })
})

type Versions = Readonly<Record<'one' | 'two', Readonly<Record<string, string>>>>

/** Both versions, and the first is the one that is shown. */
function layMap(at: string, versions: Versions): void {
  for (const [version, files] of Object.entries(versions)) writePolicies(join(at, `..${version}`), files)
  symlinkSync('..one', join(at, '..data'))
  for (const name of readdirSync(join(at, '..one'))) symlinkSync(`..data/${name}`, join(at, name))
}

function swap(at: string, version: 'one' | 'two'): void {
  symlinkSync(`..${version}`, join(at, '..next'))
  renameSync(join(at, '..next'), join(at, '..data'))
}

const ALLOWED = `satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

obligations[target.id] := [] if some target in targets`

/** Many files, of which each says whose it is. */
function versionsOf(): Versions {
  const written = probePolicies(ALLOWED)
  const main = (written['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []')
  const of = (version: string): Readonly<Record<string, string>> => ({
    ...written,
    'main.rego': main,
    ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d${i}.json`, `{"d${i}": "${version}"}`])),
  })
  return { one: of('one'), two: of('two') }
}

/** A gateway's ground whose policies are a ConfigMap, and the revisions of its versions. */
async function mapGround(): Promise<Readonly<{ ground: Ground; revisions: Readonly<Record<'one' | 'two', string>> }>> {
  const ground = await layGround({
    providers: { one: { url: 'http://127.0.0.1:9/v1' } },
    policies: {},
    config: { reload: { every: '100ms' } },
  })
  layMap(ground.policies, versionsOf())
  const one = (await readPolicySource(ground.policies)).digest
  swap(ground.policies, 'two')
  const two = (await readPolicySource(ground.policies)).digest
  return { ground, revisions: { one, two } }
}

const activated = async (ground: Ground): Promise<readonly unknown[]> =>
  (await ground.records()).filter(({ kind }) => kind === 'policy.activated').map(({ body }) => body.revision)
const patiently = { timeout: 30_000, interval: 100 }

describe('nothing half read becomes active', () => {
  test('a ConfigMap that is swapped again and again while it is read: only whole versions', async () => {
    const { ground, revisions } = await mapGround()
    const customhouse = await compose(await ground.read(), { read: ground.read, log: pino({ level: 'silent' }) })
    try {
      let version: 'one' | 'two' = 'two'
      for (let round = 0; round < 60; round++) {
        const reload = customhouse.reload()
        await sleep(round % 20)
        version = version === 'one' ? 'two' : 'one'
        swap(ground.policies, version)
        const { error } = await reload
        if (error !== undefined) expect(error.code).toBe('ERR_CONFIG_UNREADABLE')
      }
      await expect.poll(async () => (await activated(ground)).at(-1), patiently).toBe(revisions[version])
      const all = await activated(ground)
      expect(all.filter((revision) => revision !== revisions.one && revision !== revisions.two)).toEqual([])
      expect(new Set(all).size).toBe(2)
      expect((await ground.records()).filter(({ kind }) => kind.endsWith('.rejected'))).toEqual([])
    } finally {
      await customhouse.stop()
      ground.remove()
    }
  }, 120_000)

  test('a ConfigMap that is swapped while the gateway starts: it starts with a whole version', async () => {
    const { ground, revisions } = await mapGround()
    let version: 'one' | 'two' = 'two'
    for (let round = 0; round < 8; round++) {
      const swapped = Promise.withResolvers<void>()
      const log = pino(
        { level: 'info' },
        {
          write: (line: string) => {
            if (!line.includes('the ledger is open')) return
            setTimeout(() => {
              version = version === 'one' ? 'two' : 'one'
              swap(ground.policies, version)
              swapped.resolve()
            }, 3 * round)
          },
        },
      )
      const customhouse: Customhouse = await compose(await ground.read(), { read: ground.read, log })
      await swapped.promise
      await expect.poll(async () => (await activated(ground)).at(-1), patiently).toBe(revisions[version])
      await customhouse.stop()
    }
    const all = await activated(ground)
    expect(all.filter((revision) => revision !== revisions.one && revision !== revisions.two)).toEqual([])
    ground.remove()
  }, 120_000)

  test('a folder that is copied file by file is left alone until it stands still', async () => {
    const { one, two } = versionsOf()
    const house = await startHouse({
      providers: { one: { url: 'http://127.0.0.1:9/v1' } },
      policies: one,
      config: { reload: { every: '200ms' } },
    })
    try {
      for (const [name, text] of Object.entries(two)) {
        writeFileSync(join(house.policies, name), text)
        await sleep(25)
      }
      const whole = (await readPolicySource(house.policies)).digest
      await expect.poll(async () => (await activated(house)).at(-1), patiently).toBe(whole)
      expect(await activated(house)).toHaveLength(2)
    } finally {
      await house.stop()
    }
  }, 60_000)
})
