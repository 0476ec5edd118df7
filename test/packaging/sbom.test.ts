import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ROOT } from './source.ts'

/** The bill of materials against the lock file that it is made from, read here anew. */

type Entry = Readonly<{ name?: string; version?: string; license?: string; integrity?: string; dev?: boolean }>
type Lock = { packages: Record<string, Entry> }
type Component = Readonly<{
  name: string
  version: string
  purl: string
  hashes?: readonly Readonly<{ alg: string; content: string }>[]
  licenses?: readonly Readonly<{ license: Readonly<{ id: string }> }>[]
}>

const folder = mkdtempSync(join(tmpdir(), 'customhouse-sbom-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lock: Lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
const production = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true)
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** What is taken of a package that offers several licences. */
const CHOSEN: ReadonlyMap<string, Readonly<{ declared: string; taken: string }>> = new Map([
  ['MIT or MPL-2.0', { declared: 'MIT OR MPL-2.0', taken: 'MIT' }],
])

function make(root: string, out: string, env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(root, 'scripts/sbom.mjs'), out], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
}

test('every production package of the lock file is in it with version, licence and hash', () => {
  const out = join(folder, 'one')
  expect(make(ROOT, out)).toMatchObject({ status: 0, stderr: '' })
  const cyclonedx = JSON.parse(readFileSync(join(out, 'customhouse.cdx.json'), 'utf8'))
  const spdx = JSON.parse(readFileSync(join(out, 'customhouse.spdx.json'), 'utf8'))
  const components: readonly Component[] = cyclonedx.components
  const licences = readFileSync(join(out, 'LICENCES.txt'), 'utf8')
  expect(production.length).toBeGreaterThan(100)
  const missing = production.filter(([path, { name = nameOf(path), version, license = '', integrity = '' }]) => {
    const { declared, taken } = CHOSEN.get(license) ?? { declared: license, taken: license }
    const hash = Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
    const component = components.find((one) => one.name === name && one.version === version)
    const described = spdx.packages.find(
      (one: { name: string; versionInfo: string }) => one.name === name && one.versionInfo === version,
    )
    return !(
      component?.hashes?.[0]?.content === hash &&
      component.licenses?.[0]?.license.id === taken &&
      described?.checksums[0].checksumValue === hash &&
      described.licenseDeclared === declared &&
      described.licenseConcluded === (declared === taken ? 'NOASSERTION' : taken) &&
      licences.includes(`${name} ${version}`)
    )
  })
  expect(missing).toEqual([])
  const npm = components.filter(({ purl }) => purl.startsWith('pkg:npm/'))
  expect(npm.length).toBe(new Set(production.map(([path, one]) => `${one.name ?? nameOf(path)}@${one.version}`)).size)
  expect(npm.map(({ name }) => name)).not.toContain('vitest')
  expect(new Set(components.map(({ purl }) => purl)).size).toBe(components.length)
  const ids: readonly string[] = spdx.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => !/^SPDXRef-[A-Za-z0-9.-]+$/.test(id))).toEqual([])
})

test('what is compiled into the policy compiler is in it: the modules of go.mod', () => {
  const out = join(folder, 'go')
  expect(make(ROOT, out).status).toBe(0)
  const purls = JSON.parse(readFileSync(join(out, 'customhouse.cdx.json'), 'utf8')).components.map(
    ({ purl }: Component) => purl,
  )
  const listed = readFileSync(join(ROOT, 'toolchain/go.mod'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/^require /, '').trim())
    .flatMap((line) => /^(\S+) (v\d\S*)/.exec(line)?.slice(1).join('@') ?? [])
  expect(listed.length).toBeGreaterThan(5)
  expect(purls).toEqual(expect.arrayContaining(listed.map((one) => `pkg:golang/${one}`)))
})

test('is the same, byte for byte, each time; the moment is what SOURCE_DATE_EPOCH says', () => {
  const read = (name: string): string[] =>
    ['customhouse.cdx.json', 'customhouse.spdx.json', 'LICENCES.txt'].map((file) =>
      readFileSync(join(folder, name, file), 'utf8'),
    )
  for (const name of ['first', 'second']) make(ROOT, join(folder, name), { SOURCE_DATE_EPOCH: '1767225600' })
  expect(read('first')).toEqual(read('second'))
  expect(read('first')[0]).toContain('"timestamp": "2026-01-01T00:00:00Z"')
})

test.each<[what: string, change: Entry, says: RegExp]>([
  ['a licence that is not on the list', { license: 'AGPL-3.0-only' }, /licence AGPL-3\.0-only/],
  ['a choice of licences', { license: '(MIT OR GPL-3.0)' }, /licence \(MIT OR GPL-3\.0\)/],
  ['a choice that is taken of another package', { license: 'MIT or MPL-2.0' }, /licence MIT or MPL-2\.0/],
  ['no licence', {}, /licence \(none\)/],
  ['no hash', { license: 'MIT', integrity: '' }, /no SHA-512/],
  ['a weak hash', { license: 'MIT', integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }, /no SHA-512/],
  ['no version', { license: 'MIT', version: '' }, /no version/],
])('a package with %s is refused, and nothing is written', (_, change, says) => {
  const root = mkdtempSync(join(folder, 'changed-'))
  for (const name of ['scripts/sbom.mjs', 'package.json', 'toolchain/go.mod'])
    cpSync(join(ROOT, name), join(root, name), { recursive: true })
  const { license: __, ...pino } = lock.packages['node_modules/pino'] ?? {}
  const packages = { ...lock.packages, 'node_modules/pino': { ...pino, ...change } }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
  const out = join(root, 'out')
  mkdirSync(out)
  const made = make(root, out)
  expect(made.status).toBe(2)
  expect(made.stderr).toMatch(says)
  expect(() => readFileSync(join(out, 'customhouse.cdx.json'))).toThrow('ENOENT')
})
