import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Recorder, startRecorder, whole } from '../kit/index.ts'
import { addressOf, DOORS, type Door } from '../wire/doors.ts'
import { type Post, startPost } from '../wire/post.ts'

/** Tokens at the socket of a whole gateway. They are made by node:crypto alone, so that jose is not its own oracle. */
const [rsa, other, ec] = [rsaPair(), rsaPair(), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
let keys: unknown = { keys: [] }
let asked = 0
let idp: Server
let issuer = ''
let recorder: Recorder
let post: Post

function rsaPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

const jwkOf = (key: KeyObject, kid: string): object => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })

beforeAll(async () => {
  idp = createServer((_, response) => {
    asked += 1
    response.end(JSON.stringify(keys))
  })
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`
  keys = { keys: [jwkOf(rsa.publicKey, 'rsa-1'), jwkOf(ec.publicKey, 'ec-1')] }
  recorder = await startRecorder({ answer: (request) => whole(answerOf(request.path)) })
  post = await startPost({
    upstream: recorder.url,
    config: {
      identity: {
        jwt: [
          {
            issuer,
            jwks: `${issuer}/jwks`,
            audience: 'customhouse',
            tenant_claim: 'dept',
            tenants: { insurance: 'claims' },
            groups_claim: 'groups',
            other_claims: ['scope'],
          },
          { issuer: `${issuer}/second`, jwks: `${issuer}/none`, audience: 'customhouse', tenant: 'lab' },
        ],
      },
    },
  })
}, 60_000)
afterAll(async () => {
  await post?.stop()
  await recorder?.close()
  idp?.close()
})

function answerOf(target: string): unknown {
  return DOORS.find(({ upstream }) => target.startsWith(upstream))?.answer ?? {}
}

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

async function ask(door: Door, headers: Readonly<Record<string, string>>): Promise<number> {
  const answer = await fetch(post.customhouse.data + addressOf(door), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...door.headers, ...headers },
    body: door.body(),
  })
  await answer.arrayBuffer()
  return answer.status
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
  it.each(DOORS)('that is good opens the door $title, and the next call with it too', async (door) => {
    const before = recorder.requests.length
    const good = token(claims({ groups: ['night'], scope: 'x' }), { typ: 'at+jwt' })
    await expect.poll(() => ask(door, { authorization: `Bearer ${good}` })).toBe(200)
    expect(await ask(door, { 'x-api-key': good })).toBe(200)
    expect(recorder.requests.length - before).toBe(2)
    const sent = recorder.requests.slice(before).map(({ headers }) => JSON.stringify(headers))
    for (const text of sent) expect(text).not.toContain(good)
  })

  it('of a curve is good as well', async () => {
    const es = (input: string): Buffer =>
      sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
    const [door] = DOORS
    if (door === undefined) throw new Error('there is no door')
    expect(await ask(door, { authorization: `Bearer ${token(claims(), { alg: 'ES256', kid: 'ec-1' }, es)}` })).toBe(200)
  })

  it.each(REFUSED)('%s is refused at every door, nothing is sent, and the good caller is served', async (_, make) => {
    for (const door of DOORS) {
      const before = recorder.requests.length
      expect(await ask(door, { authorization: `Bearer ${make()}` })).toBe(401)
      expect(recorder.requests).toHaveLength(before)
      expect(await ask(door, { authorization: `Bearer ${post.key}` })).toBe(200)
    }
  })

  it('of many unknown keys makes one fetch, and does not cost the good keys their place', async () => {
    const [door] = DOORS
    if (door === undefined) throw new Error('there is no door')
    const before = asked
    const all = Array.from({ length: 40 }, (_, i) =>
      ask(door, { authorization: `Bearer ${token(claims(), { kid: `k${i}` })}` }),
    )
    expect(new Set(await Promise.all(all))).toEqual(new Set([401]))
    expect(asked - before).toBeLessThanOrEqual(1)
    expect(await ask(door, { authorization: `Bearer ${token()}` })).toBe(200)
  })

  it('beside a gateway key is refused', async () => {
    const [door] = DOORS
    if (door === undefined) throw new Error('there is no door')
    expect(await ask(door, { authorization: `Bearer ${token()}`, 'x-api-key': post.key })).toBe(401)
  })
})
