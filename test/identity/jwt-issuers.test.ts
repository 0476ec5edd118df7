import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fileStore, revoke } from '../../src/identity/revocation/index.ts'
import { type Recorder, startRecorder, whole } from '../kit/index.ts'
import { openScene, type Scene } from '../telemetry/scene.ts'
import { ALL_DOORS, OPENAI } from '../wire/doors.ts'
import { ask, bearer, claimsOf, type Idp, jwkOf, type Members, newSigner, startIdp, tokenOf } from './tokens.ts'

/** Two issuers with a key in common, and a third that uses another's key ids; and what is revoked of them. */

const shared = newSigner('RS256', 'shared')
const own = newSigner('RS256', 'own')
/** The third issuer's, under the ids of the others. */
const [posing, posingOwn] = [newSigner('RS256', 'shared'), newSigner('RS256', 'own')]

let idp: Idp
let trap: Recorder
let scene: Scene
let folder = ''
const at = (name: string): string => `${idp.url}/${name}`

beforeAll(async () => {
  idp = await startIdp()
  trap = await startRecorder({ answer: () => whole({ keys: [jwkOf(posing)] }) })
  idp.serve('/a/jwks', { keys: [jwkOf(shared), jwkOf(own)] })
  idp.serve('/b/jwks', { keys: [jwkOf(shared)] })
  idp.serve('/c/jwks', { keys: [jwkOf(posing), jwkOf(posingOwn)] })
  folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-'))
  const store = join(folder, 'revoked.json')
  await fileStore(store).make()
  const issuer = (name: string, tenants: Readonly<Record<string, string>>) => ({
    issuer: at(name),
    jwks: at(`${name}/jwks`),
    audience: 'customhouse',
    tenant_claim: 'dept',
    tenants,
    subject_claim: 'email',
  })
  const jwt = [
    issuer('a', { insurance: 'claims' }),
    issuer('b', { science: 'claims' }),
    issuer('c', { posing: 'claims' }),
  ]
  scene = await openScene({ config: { identity: { jwt, revocation: { store, every: '100ms', stale_after: '1m' } } } })
}, 60_000)
afterAll(async () => {
  await scene?.stop()
  await trap?.close()
  await idp?.down()
  rmSync(folder, { recursive: true, force: true })
})

const said = (name: string, dept: string, more: Members = {}): Members =>
  claimsOf(at(name), { dept, email: `bot@${name}.example`, ...more })

/** At every door, whole and streamed: all the same. */
async function everywhere(token: string): Promise<number> {
  const all = ALL_DOORS.flatMap((door) =>
    [false, true].map((streamed) =>
      ask(scene.post.customhouse.data, door, bearer(token), { streamed: streamed && !door.path.endsWith('tokens') }),
    ),
  )
  const statuses = new Set((await Promise.all(all)).map(({ status }) => status))
  if (statuses.size !== 1) throw new Error(`doors differ: ${[...statuses].join()}`)
  return [...statuses][0] ?? 0
}

describe('two issuers', () => {
  it('with one key: each proves its own tenants alone', async () => {
    expect(await everywhere(tokenOf(shared, said('a', 'insurance')))).toBe(200)
    expect(await everywhere(tokenOf(shared, said('b', 'science')))).toBe(200)
    const before = scene.recorder.requests.length
    expect(await everywhere(tokenOf(shared, said('a', 'science')))).toBe(401)
    expect(await everywhere(tokenOf(shared, said('b', 'insurance')))).toBe(401)
    expect(await everywhere(tokenOf(own, said('b', 'science')))).toBe(401)
    expect(scene.recorder.requests).toHaveLength(before)
  })

  it("one with the other's key ids and keys of its own: neither's tokens pass as the other's, in whatever order they come", async () => {
    const good = () => tokenOf(shared, said('a', 'insurance'))
    const theirs = () => tokenOf(posing, said('c', 'posing'))
    for (let i = 0; i < 3; i++) {
      expect(await everywhere(theirs())).toBe(200)
      expect(await everywhere(tokenOf(posing, said('a', 'insurance')))).toBe(401)
      expect(await everywhere(tokenOf(posingOwn, said('a', 'insurance')))).toBe(401)
      expect(await everywhere(good())).toBe(200)
      expect(await everywhere(tokenOf(shared, said('c', 'posing')))).toBe(401)
    }
  })
})

describe('an address in a token', () => {
  const rows: readonly (readonly [string, () => Members])[] = [
    ['jku', () => ({ jku: `${trap.url}/jwks` })],
    ['x5u', () => ({ x5u: `${trap.url}/cert` })],
    ['x5c', () => ({ x5c: [`${trap.url}/cert`] })],
    ['a jwk that is one', () => ({ jwk: { ...jwkOf(posing), jku: `${trap.url}/jwks` } })],
    ['a kid that is one', () => ({ kid: `${trap.url}/jwks` })],
    ['a kid that leads elsewhere', () => ({ kid: '../../c/jwks' })],
    ['an issuer that is one', () => ({})],
  ]
  it.each(rows)('%s is never asked', async (title, header) => {
    const claims = said('a', 'insurance', title.startsWith('an issuer') ? { iss: trap.url } : {})
    expect(await everywhere(tokenOf(posing, claims, header()))).toBe(401)
    expect(await everywhere(tokenOf(own, claims, header()))).toBe(401)
    expect(trap.requests).toHaveLength(0)
    expect(trap.accepted()).toBe(0)
    expect(new Set(idp.asked)).toEqual(new Set(['/a/jwks', '/b/jwks', '/c/jwks']))
  })
})

describe('what is revoked', () => {
  const rows: readonly (readonly [string, () => string, Members])[] = [
    ['a token, by its id', () => `token:${at('a')} the-one`, { jti: 'the-one' }],
    [
      'a subject, by the claim that names it here',
      () => `subject:${at('a')} gone@a.example`,
      { email: 'gone@a.example' },
    ],
    ['a subject, by sub', () => `subject:${at('a')} gone`, { sub: 'gone' }],
  ]
  it.each(rows)('%s: what was served is not served again, all others are', async (_, name, more) => {
    const token = tokenOf(own, said('a', 'insurance', more))
    expect(await everywhere(token)).toBe(200)
    const wanted = { name: name(), until: null, why: null }
    await fileStore(join(folder, 'revoked.json')).change((list) => revoke(list, wanted, Date.now()))
    const status = async () => (await ask(scene.post.customhouse.data, OPENAI, bearer(token))).status
    await expect.poll(status, { timeout: 10_000 }).toBe(401)
    const before = scene.recorder.requests.length
    expect(await everywhere(token)).toBe(401)
    expect(await everywhere(tokenOf(own, said('a', 'insurance', more)))).toBe(401)
    expect(scene.recorder.requests).toHaveLength(before)
    expect(await everywhere(tokenOf(own, said('a', 'insurance')))).toBe(200)
    // The same words of another issuer are others.
    expect(await everywhere(tokenOf(shared, said('b', 'science', more)))).toBe(200)
  })

  it("an issuer's key: all that it signed falls, what another key or another issuer with that key signed does not", async () => {
    const token = tokenOf(shared, said('a', 'insurance'))
    expect(await everywhere(token)).toBe(200)
    const wanted = { name: `issuer-key:${at('a')} shared`, until: null, why: 'it leaked' }
    await fileStore(join(folder, 'revoked.json')).change((list) => revoke(list, wanted, Date.now()))
    const status = async () => (await ask(scene.post.customhouse.data, OPENAI, bearer(token))).status
    await expect.poll(status, { timeout: 10_000 }).toBe(401)
    expect(await everywhere(token)).toBe(401)
    expect(await everywhere(tokenOf(shared, said('a', 'insurance')))).toBe(401)
    expect(await everywhere(tokenOf(own, said('a', 'insurance')))).toBe(200)
    expect(await everywhere(tokenOf(shared, said('b', 'science')))).toBe(200)
  })
})
