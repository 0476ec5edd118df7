import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copySource, lendPackages, needed, ROOT } from './source.ts'

/** The bundle for a machine without a network: made twice, unpacked once into an empty folder, and run there with no network at all. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-airgap-test-'))
const bundles: string[] = []
let unpacked = ''
/** A namespace with a loopback interface and nothing else; without the right to one, addresses that lead nowhere. */
const isolated = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0

beforeAll(() => {
  if (!needed(process.platform === 'linux', 'Linux, which the bundle is for')) return
  const source = join(folder, 'source')
  copySource(source)
  lendPackages(source)
  for (const name of ['one', 'two']) {
    const made = spawnSync(process.execPath, ['scripts/airgap.mjs', join(folder, name)], {
      cwd: source,
      encoding: 'utf8',
      env: { ...process.env, SOURCE_DATE_EPOCH: '1767225600' },
    })
    if (!needed(made.status === 0, `what the bundle is made of (npm's registry or cache): ${made.stderr}`)) return
    bundles.push(made.stdout.trim())
  }
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  execFileSync('tar', ['-xzf', bundles[0] ?? '', '-C', empty])
  unpacked = join(empty, readdirSync(empty)[0] ?? '')
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The bundle's own launcher, with no Node on the PATH, no network, and a home of its own. */
function run(...args: string[]) {
  const launch = join(unpacked, 'customhouse')
  const [command = '', ...rest] = isolated
    ? ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', launch, ...args]
    : [launch, ...args]
  return spawnSync(command, rest, {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: folder,
      NO_COLOR: '1',
      OPENAI_API_KEY: 'sk-of-the-test',
      npm_config_registry: 'http://127.0.0.1:9',
    },
  })
}

test('the bundle is the same, byte for byte, each time, and its checksum is beside it', (context) => {
  if (unpacked === '') return context.skip()
  const [one = '', two = ''] = bundles
  expect(readFileSync(one).equals(readFileSync(two))).toBe(true)
  execFileSync('sha256sum', ['--check', '--quiet', `${one}.sha256`], { cwd: join(folder, 'one') })
})

test('every file of it but the list itself is in SHA256SUMS, and is what that says', (context) => {
  if (unpacked === '') return context.skip()
  execFileSync('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: unpacked })
  const summed = readFileSync(join(unpacked, 'SHA256SUMS'), 'utf8').match(/^[0-9a-f]{64} {2}.+$/gm) ?? []
  const files = readdirSync(unpacked, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(summed.length).toBe(files.length - 1)
})

test('holds the product, its production packages, Node, policies, docs, bill of materials and licences; nothing of ours else', (context) => {
  if (unpacked === '') return context.skip()
  const names = readdirSync(unpacked)
  const wanted = 'bin dist docs policies node_modules customhouse.cdx.json customhouse.spdx.json LICENCES.txt LICENSE'
  expect(names).toEqual(expect.arrayContaining(wanted.split(' ')))
  expect(names.filter((name) => /^(?:src|test|bench|scripts|\.git.*|.*\.tgz)$/.test(name))).toEqual([])
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const installed = readdirSync(join(unpacked, 'node_modules'))
  expect(installed).not.toContain('vitest')
  expect(installed).not.toContain('typescript')
  const absent = Object.entries<{ dev?: boolean; optional?: boolean; devOptional?: boolean }>(lock.packages)
    .filter(([path, one]) => path !== '' && !one.dev && !one.optional && !one.devOptional)
    .filter(([path]) => !readdirSync(join(unpacked, path)).includes('package.json'))
  expect(absent).toEqual([])
})

test('init, check and demo --once run from it with no network and no other Node', (context) => {
  if (unpacked === '') return context.skip()
  if (!isolated) console.log('skipped: no network namespace may be made here; the registry leads nowhere instead')
  expect(run('--version').stdout).toMatch(/^\d+\.\d+\.\d+/)
  expect(run('init', 'gate')).toMatchObject({ status: 0 })
  expect(run('check', '-c', join(folder, 'gate/customhouse.yaml'))).toMatchObject({ status: 0 })
  const demo = run('demo', '--once')
  expect(demo, demo.stderr).toMatchObject({ status: 0 })
  expect(demo.stdout).toContain('no provider got a byte')
  expect(demo.stdout).not.toMatch(/^ {2}NO /m)
})
