import { X509Certificate } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { selfSigned } from '../kit/index.ts'
import { newFolder, run } from './run.ts'

/** The command line on a list in a file. */

const folder = newFolder()
const list = join(folder, 'revoked.json')
writeFileSync(
  join(folder, 'customhouse.yaml'),
  'version: 1\ntenants: { claims: {} }\nidentity: { revocation: { store: ./revoked.json } }\nproviders: {}\nmodels: {}\n',
)
const cli = (...args: readonly string[]) => run(['revoke', ...args], { cwd: folder })

type Entry = Readonly<{ name: string; at: string; until?: string; why?: string }>
type Listed = Readonly<{ where: string; generation: number; revoked: readonly Entry[] }>
const listed = async (): Promise<Listed> => JSON.parse((await cli('list', '--json')).stdout)
const IDP = 'https://idp.bank.example'

describe('customhouse revoke', () => {
  test('makes a list once, for its owner alone; before that there is none to change or show', async () => {
    for (const args of [['list'], ['key', 'AAAAAAAA']]) {
      const { code, stderr } = await cli(...args)
      expect(code).toBe(1)
      expect(stderr).toContain('customhouse revoke init')
    }
    expect(JSON.parse((await cli('init', '--json')).stdout)).toEqual({ where: list, generation: 0 })
    expect(statSync(list).mode & 0o077).toBe(0)
    const again = await cli('init')
    expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('already')])
    const empty = await cli('list')
    expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, '', expect.stringContaining('Nothing is revoked')])
  })

  const NAMES: readonly (readonly [readonly string[], string])[] = [
    [['key', 'AAAAAAAA'], 'key:AAAAAAAA'],
    [['key', `chk_BBBBBBBB_${'x'.repeat(43)}`], 'key:BBBBBBBB'],
    [['token', IDP, '7d1f-0c'], `token:${IDP} 7d1f-0c`],
    [['subject', IDP, 'Jürgen, the claims bot'], `subject:${IDP} Jürgen, the claims bot`],
    [['subject', 'key', 'claims-bot'], 'subject:key claims-bot'],
    [['subject', 'certificate', 'spiffe://bank.example/claims'], 'subject:certificate spiffe://bank.example/claims'],
    [['issuer-key', IDP, '2026-11'], `issuer-key:${IDP} 2026-11`],
  ]
  test.each(NAMES)('%j, with a reason and an end, and back', async (args, name) => {
    const { generation } = await listed()
    const before = Date.now()
    const { code, stdout, stderr } = await cli(...args, '--until', '24h', '--why', 'laptop lost', '--json')
    expect(code, stderr).toBe(0)
    const said = JSON.parse(stdout)
    expect(said).toEqual({
      name,
      changed: true,
      generation: generation + 1,
      revoked: { name, at: expect.any(String), until: expect.any(String), why: 'laptop lost' },
    })
    const lasts = Date.parse(said.revoked.until) - 86_400_000
    expect(lasts >= before && lasts <= Date.now()).toBe(true)
    expect((await listed()).revoked).toContainEqual(said.revoked)
    expect((await cli('list')).stdout).toMatch(/ {2}since \S+ {2}until \S+ {2}laptop lost$/m)

    // For less long: what stands is longer. For good: that is more.
    expect(JSON.parse((await cli(...args, '--until', '1h', '--json')).stdout)).toMatchObject({
      changed: false,
      revoked: said.revoked,
    })
    const good = JSON.parse((await cli(...args, '--json')).stdout)
    expect(good).toMatchObject({ changed: true, generation: generation + 2 })
    expect(good.revoked.until).toBeUndefined()
    expect((await cli(...args)).stderr).toContain('revoked already, for good')

    expect(JSON.parse((await cli(...args, '--undo', '--json')).stdout)).toEqual({
      name,
      changed: true,
      generation: generation + 3,
      revoked: null,
    })
    expect((await cli(...args, '--undo')).stderr).toContain('was lifted already')
    expect((await listed()).revoked.map((one) => one.name)).not.toContain(name)
  })

  test('until a time with its zone', async () => {
    const time = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, '+00:00')
    const { stdout } = await cli('key', 'DDDDDDDD', '--until', time, '--json')
    expect(Date.parse(JSON.parse(stdout).revoked.until)).toBe(Date.parse(time))
  })

  test('a certificate: its file, its fingerprint as openssl writes it, and bare are one name', async () => {
    const { cert, key } = selfSigned()
    writeFileSync(join(folder, 'claims.crt'), cert)
    writeFileSync(join(folder, 'claims.key'), key)
    const print = new X509Certificate(cert).fingerprint256
    const bare = print.replaceAll(':', '').toLowerCase()
    const first = JSON.parse((await cli('certificate', './claims.crt', '--json')).stdout)
    expect(first).toMatchObject({ name: `certificate:${bare}`, changed: true })
    for (const same of [print, bare, join(folder, 'claims.crt')]) {
      expect(JSON.parse((await cli('certificate', same, '--json')).stdout)).toMatchObject({
        name: first.name,
        changed: false,
      })
    }
    const { code, stderr } = await cli('certificate', './claims.key')
    expect([code, stderr]).toEqual([3, expect.stringContaining('SHA-256 fingerprint')])
    expect(stderr).not.toContain('PRIVATE')
  })

  const WRONG: readonly (readonly [readonly string[], string])[] = [
    [['key', 'sk-proj-abcdef'], 'no id of a key'],
    [['token', 'an issuer', 'x'], 'without spaces'],
    [['token', IDP, ''], 'no name'],
    [['token', IDP, 'x'.repeat(1_100)], 'no name'],
    [['subject', IDP, 'two\nlines'], 'no name'],
    [['key', 'AAAAAAAA', '--until', 'tomorrow'], '--until must be'],
    [['key', 'AAAAAAAA', '--until', '2026-12-01T00:00:00'], '--until must be'],
    [['key', 'AAAAAAAA', '--until', '2020-01-01T00:00:00Z'], 'must lie in the future'],
    [['key', 'AAAAAAAA', '--why', 'two\nlines'], 'one line'],
    [['key', 'AAAAAAAA', '--why', ''], 'one line'],
    [['key', 'AAAAAAAA', '--why', 'x'.repeat(257)], 'one line'],
    [['key', 'AAAAAAAA', '--undo', '--why', 'x'], 'goes alone'],
    [['key', 'AAAAAAAA', '--undo', '--until', '1h'], 'goes alone'],
    [['certificate', './absent.crt'], 'SHA-256 fingerprint'],
    [['certificate', 'ab:cd'], 'SHA-256 fingerprint'],
  ]
  test.each(WRONG)('%j is wrong usage, and changes nothing', async (args, words) => {
    const before = readFileSync(list)
    const { code, stdout, stderr } = await cli(...args)
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(words)
    expect(stderr).not.toContain('sk-proj')
    expect(readFileSync(list)).toEqual(before)
  })

  test('a list that is damaged, or lost, is changed by nobody', async () => {
    const whole = readFileSync(list)
    const half = whole.subarray(0, whole.length - 9)
    writeFileSync(list, half)
    for (const args of [['key', 'EEEEEEEE'], ['key', 'EEEEEEEE', '--undo'], ['list']]) {
      const { code, stderr } = await cli(...args)
      expect([code, stderr]).toEqual([1, expect.stringContaining('damaged')])
    }
    expect((await cli('init')).code).toBe(3)
    expect(readFileSync(list)).toEqual(half)
    rmSync(list)
    expect((await cli('key', 'EEEEEEEE')).code).toBe(1)
    writeFileSync(list, whole, { mode: 0o600 })
    expect((await cli('key', 'EEEEEEEE')).code).toBe(0)
  })
})
