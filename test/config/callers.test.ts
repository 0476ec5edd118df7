import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'

/** What several gateways share, and who is known by a certificate: what is written must be able to be meant. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-callers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Errors and warnings, one text. */
async function said(identity: unknown, listen: unknown = {}): Promise<string> {
  const file = join(folder, 'customhouse.yaml')
  writeFileSync(
    file,
    JSON.stringify({ version: 1, listen, tenants: { claims: {} }, identity, providers: {}, models: {} }),
  )
  try {
    return (await loadConfig(file, {}, {}, { secrets: false })).warnings.join('\n')
  } catch (error) {
    return String(error)
  }
}

test.each<[string, RegExp | null]>([
  ['./revoked.json', null],
  ['/var/lib/shared/revoked.json', null],
  ['./a:b', null],
  ['redis://127.0.0.1:6379/0', null],
  ['redis://localhost', null],
  ['rediss://redis.bank.example', null],
  ['rediss://redis.bank.example:6379/', null],
  ['redis://redis.bank.example:6379/0', /store: is on another machine and without TLS/],
  ['reds://redis.bank.example:6379/0', /did you mean "redis:\/\/"/],
  ['REDIS://redis.bank.example:6379/0', /did you mean "redis:\/\/"/],
  ['redis:/redis.bank.example', /did you mean "redis:\/\/"/],
  ['http://redis.bank.example/0', /must be `redis:\/\/`, `rediss:\/\/` or the path of a file/],
  ['file:///var/lib/revoked.json', /must be `redis:\/\/`, `rediss:\/\/` or the path of a file/],
  ['redis.bank.example:6379', /must be `redis:\/\/`, `rediss:\/\/` or the path of a file/],
  ['rediss://redis.bank.example:6379/x', /must end with the number of a database/],
  ['rediss://redis.bank.example:6379/0/1', /must end with the number of a database/],
  ['rediss://redis.bank.example:port/0', /is no address/],
  ['rediss://redis.bank.example/0?db=1', /is no address/],
  ['rediss://', /is no address/],
])('a list of what is revoked in %s', async (store, expected) => {
  const text = await said({ revocation: { store } })
  if (expected === null) expect(text).not.toContain('identity.revocation')
  else expect(text).toMatch(expected)
})

const SIGNED = { tls: { cert: './a.crt', key: 'file:./a.key', client_ca: './ca.crt' } }
test.each<[readonly string[], RegExp | null]>([
  [['spiffe://bank.example/claims', 'claims.bank.example', 'urn:bank:claims', 'claims', '*.bank.example'], null],
  [[], /identity\.mtls\.subjects: is empty/],
  [['CN=claims'], /is a distinguished name.*subject alternative name/],
  [['O=Bank, CN=claims'], /is a distinguished name/],
  [['the claims bot'], /must be a URI such as/],
  [['claims.bank.example:8443'], /must be a URI such as/],
  [['claims..bank.example'], /must be a URI such as/],
])('known by a certificate: %j', async (names, expected) => {
  const subjects = Object.fromEntries(names.map((name) => [name, { tenant: 'claims' }]))
  const text = await said({ mtls: { subjects } }, SIGNED)
  if (expected === null) expect(text).not.toContain('identity.mtls')
  else expect(text).toMatch(expected)
})
