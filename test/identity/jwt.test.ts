import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openScene, type Scene, streams } from '../telemetry/scene.ts'
import { ALL_DOORS, type Door, OPENAI } from '../wire/doors.ts'
import { ask as askOnce, bearer, type Idp, startIdp } from './tokens.ts'

/** Tokens at the socket of a whole gateway. They are made by node:crypto alone, so that jose is not its own oracle. */
const [rsa, other, ec] = [rsaPair(), rsaPair(), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
let idp: Idp
let issuer = ''
let scene: Scene

function rsaPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

const jwkOf = (key: KeyObject, kid: string): object => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })

beforeAll(async () => {
  idp = await startIdp()
  issuer = idp.url
  idp.serve('/jwks', { keys: [jwkOf(rsa.publicKey, 'rsa-1'), jwkOf(ec.publicKey, 'ec-1')] })
  const one = {
    issuer,
    jwks: `${issuer}/jwks`,
    audience: 'customhouse',
    tenant_claim: 'dept',
    tenants: { insurance: 'claims' },
    groups_claim: 'groups',
    other_claims: ['scope'],
  }
  const second = { issuer: `${issuer}/second`, jwks: `${issuer}/none`, audience: 'customhouse', tenant: 'lab' }
  scene = await openScene({ config: { identity: { jwt: [one, second] } } })
}, 60_000)
afterAll(async () => {
  await scene?.stop()
  await idp?.down()
})

type Members = Readonly<Record<string, unknown>>
const encode = (text: string): string => Buffer.from(text).toString('base64url')
const now = (): number => Math.floor(Date.now() / 1_000)
const claims = (more: Members = {}): Members => ({
  iss: issuer,
  aud: 'customhouse',
  sub: 'claims-bot',
  dept: 'insurance',
  iat: now(),
  exp: now() + 600,
  ...more,
})

/** A token of RS256, unless `by` signs it. */
function token(
  said: Members | string = claims(),
  header: Members = {},
  by: (input: string) => Buffer = (input) => sign('sha256', Buffer.from(input), rsa.privateKey),
): string {
  const head = JSON.stringify({ alg: 'RS256', kid: 'rsa-1', typ: 'JWT', ...header })
  const input = `${encode(head)}.${encode(typeof said === 'string' ? said : JSON.stringify(said))}`
  return `${input}.${by(input).toString('base64url')}`
}

/** Whole, and streamed where the door has streams; both must come to the same. */
async function ask(door: Door, headers: Readonly<Record<string, string>>): Promise<number> {
  const forms = streams(door) ? [false, true] : [false]
  const answers = forms.map((streamed) => askOnce(scene.post.customhouse.data, door, headers, { streamed }))
  const statuses = new Set((await Promise.all(answers)).map(({ status }) => status))
  const [status = 0, ...others] = statuses
  if (others.length > 0) throw new Error(`whole and streamed differ: ${[...statuses].join()}`)
  return status
}

const hmac = (secret: string | Buffer) => (input: string) => createHmac('sha256', secret).update(input).digest()
const pem = (): string => rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const der = (): Buffer => rsa.publicKey.export({ type: 'spki', format: 'der' })

const REFUSED: readonly (readonly [string, () => string])[] = [
  ['expired', () => token(claims({ iat: now() - 900, exp: now() - 60 }))],
  ['not yet valid', () => token(claims({ nbf: now() + 300 }))],
  ['issued in the future', () => token(claims({ iat: now() + 300, exp: now() + 600 }))],
  ['without an end', () => token(claims({ exp: undefined }))],
  ['without a beginning', () => token(claims({ iat: undefined }))],
  ['with an end too far away', () => token(claims({ exp: now() + 10 * 86_400 }))],
  ['with an end that is text', () => token(claims({ exp: String(now() + 60) }))],
  ['of another issuer', () => token(claims({ iss: 'https://evil.example' }))],
  ['of an issuer with a slash more', () => token(claims({ iss: `${issuer}/` }))],
  ['of an issuer with an invisible character', () => token(claims({ iss: `${issuer}\u200b` }))],
  ['for another audience', () => token(claims({ aud: ['other'] }))],
  ['without an audience', () => token(claims({ aud: undefined }))],
  ['without a subject', () => token(claims({ sub: undefined }))],
  ['of no tenant of its issuer', () => token(claims({ dept: 'lab' }))],
  ['of a tenant by its own name', () => token(claims({ dept: 'claims' }))],
  ['with an unknown claim', () => token(claims({ cnf: { jkt: 'x' } }))],
  ['with groups that are text', () => token(claims({ groups: 'admins' }))],
  ['with groups that are numbers', () => token(claims({ groups: [1] }))],
  ['of alg none', () => token(claims(), { alg: 'none' })],
  ['of HS256 over the PEM', () => token(claims(), { alg: 'HS256' }, hmac(pem()))],
  ['of HS256 over the DER', () => token(claims(), { alg: 'HS256' }, hmac(der()))],
  [
    'of HS256 over the JWK',
    () => token(claims(), { alg: 'HS256' }, hmac(JSON.stringify(jwkOf(rsa.publicKey, 'rsa-1')))),
  ],
  ['of ES256 under the RSA key', () => token(claims(), { alg: 'ES256' })],
  ['of RS256 under the key of a curve', () => token(claims(), { kid: 'ec-1' })],
  ['signed by another key', () => token(claims(), {}, (input) => sign('sha256', Buffer.from(input), other.privateKey))],
  ['without a key id', () => token(claims(), { kid: undefined })],
  ['with a jku', () => token(claims(), { jku: `${issuer}/mine` })],
  ['with an x5u', () => token(claims(), { x5u: `${issuer}/mine` })],
  ['with its own jwk', () => token(claims(), { jwk: jwkOf(other.publicKey, 'rsa-1') })],
  ['with crit', () => token(claims(), { crit: ['b64'], b64: false })],
  ['nested', () => token(claims(), { cty: 'JWT' })],
  ['of another type', () => token(claims(), { typ: 'logout+jwt' })],
  ['encrypted', () => `${token()}.a.b`],
  ['oversized', () => token(claims({ scope: 'x'.repeat(9_000) }))],
  ['with a member twice', () => token(`${JSON.stringify(claims()).slice(0, -1)},"sub":"admin"}`)],
]

describe('a token', () => {
  it.each(ALL_DOORS)('that is good opens the door $title, and the next call with it too', async (door) => {
    const before = scene.recorder.requests.length
    const good = token(claims({ groups: ['night'], scope: 'x' }), { typ: 'at+jwt' })
    expect(await ask(door, bearer(good))).toBe(200)
    expect(await ask(door, { 'x-api-key': good })).toBe(200)
    expect(scene.recorder.requests.length - before).toBe(streams(door) ? 4 : 2)
    const sent = scene.recorder.requests.slice(before).map(({ headers }) => JSON.stringify(headers))
    for (const text of sent) expect(text).not.toContain(good)
  })

  it.each(REFUSED)('%s is refused at every door, nothing is sent, and the good caller is served', async (_, make) => {
    for (const door of ALL_DOORS) {
      const before = scene.recorder.requests.length
      expect([door.title, await ask(door, bearer(make()))]).toEqual([door.title, 401])
      expect(scene.recorder.requests).toHaveLength(before)
      expect(await ask(door, bearer(scene.post.key))).toBe(200)
    }
  })

  it('of many unknown keys makes one fetch, and does not cost the good keys their place', async () => {
    const before = idp.asked.length
    const all = Array.from({ length: 40 }, (_, i) => ask(OPENAI, bearer(token(claims(), { kid: `k${i}` }))))
    expect(new Set(await Promise.all(all))).toEqual(new Set([401]))
    // One for all of them, and one that a test before may have left due.
    expect(idp.asked.length - before).toBeLessThanOrEqual(2)
    expect(await ask(OPENAI, bearer(token()))).toBe(200)
  })

  it('beside a gateway key is refused', async () => {
    for (const door of ALL_DOORS) {
      expect(await ask(door, { ...bearer(token()), 'x-api-key': scene.post.key })).toBe(401)
    }
  })
})
