import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileStore, lift, type RevocationList, revoke } from '../../src/identity/revocation/index.ts'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** Two gateways on one list: tokens revoked at both, and what their ledgers say of it. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-house-'))
const file = join(folder, 'revoked.json')
const store = fileStore(file)
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let idp: Server
let issuer = ''
let recorder: Recorder
let houses: readonly House[] = []

const put = (names: readonly string[], why: string | null = null): Promise<RevocationList> =>
  store.change((list) => {
    const now = Date.now()
    return names.reduce((sofar, name) => revoke(sofar, { name, until: null, why }, now) ?? sofar, list)
  })

beforeAll(async () => {
  const keys = [{ ...pair.publicKey.export({ format: 'jwk' }), kid: '2026-11', use: 'sig', alg: 'ES256' }]
  idp = createServer((_, response) => response.end(JSON.stringify({ keys })))
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`
  recorder = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  await store.make()
  await put(['key:AAAAAAAA', 'key:BBBBBBBB', 'subject:key somebody'], 'secret reason')
  const start = () =>
    startHouse({
      providers: { one: { url: `${recorder.url}/v1` } },
      config: {
        identity: {
          jwt: [{ issuer, jwks: `${issuer}/jwks`, audience: 'customhouse', tenant: 'claims' }],
          revocation: { store: file, every: '100ms', stale_after: '10s' },
        },
      },
    })
  houses = [await start(), await start()]
}, 60_000)
afterAll(async () => {
  for (const house of houses) await house.stop()
  await recorder?.close()
  idp?.close()
  rmSync(folder, { recursive: true, force: true })
})

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(sub: string, jti: string): string {
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iss: issuer, aud: 'customhouse', sub, jti, iat: now, exp: now + 600 }
  const input = `${encode({ alg: 'ES256', kid: '2026-11' })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

const statuses = (credential: string): Promise<readonly number[]> =>
  Promise.all(
    houses.map(async ({ baseURL }) => {
      const answer = await fetch(`${baseURL}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
      })
      await answer.arrayBuffer()
      return answer.status
    }),
  )
const all = (credential: string) => expect.poll(() => statuses(credential), { timeout: 10_000 })
const records = async (house: House) => (await house.records()).filter(({ kind }) => kind === 'identity.revoked')

test('what was in force at the first look is counted in one record', async () => {
  for (const house of houses) {
    await expect.poll(async () => (await records(house)).length).toBe(1)
    const [record] = await records(house)
    expect(record?.body).toEqual({ generation: 3, first: true, count: 3, kinds: { key: 2, subject: 1 } })
    expect(record?._sd).toBeUndefined()
  }
})

test('a token, its subject, or the key that signed it: each ends it at both gateways, and nothing else', async () => {
  const [bad, same, good] = [token('claims-bot', 'first'), token('claims-bot', 'second'), token('other-bot', 'third')]
  for (const one of [bad, same, good]) await all(one).toEqual([200, 200])
  const cases: readonly (readonly [string, readonly number[]])[] = [
    [`token:${issuer} first`, [401, 200, 200]],
    [`subject:${issuer} claims-bot`, [401, 401, 200]],
    [`issuer-key:${issuer} 2026-11`, [401, 401, 401]],
  ]
  for (const [name, [own = 0, ofSame = 0, ofOther = 0]] of cases) {
    await put([name], 'secret reason')
    await all(bad).toEqual([own, own])
    await all(same).toEqual([ofSame, ofSame])
    await all(good).toEqual([ofOther, ofOther])
    await store.change((list) => lift(list, name, Date.now()))
    await all(bad).toEqual([200, 200])
  }
  for (const house of houses) {
    const said = (await records(house)).slice(1)
    expect(said.map(({ body }) => body.kind)).toEqual(['token', 'subject', 'issuer-key'])
    // The name of whom it is of, and the reason, are sealed; an issuer's key is nobody.
    expect(said.map(({ _sd }) => _sd?.length)).toEqual([2, 2, 1])
    expect(said.map(({ body }) => body.name)).toEqual([undefined, undefined, `issuer-key:${issuer} 2026-11`])
    expect(JSON.stringify(said)).not.toMatch(/claims-bot|secret reason|first"/)
  }
})

test('a change of very many names has a hundred records, and one that counts the rest', async () => {
  const before = await Promise.all(houses.map(async (house) => (await records(house)).length))
  await put(Array.from({ length: 150 }, (_, i) => `key:CCCCC${String(i).padStart(3, '0')}`))
  for (const [index, house] of houses.entries()) {
    await expect.poll(async () => (await records(house)).length - (before[index] ?? 0)).toBe(101)
    expect((await records(house)).at(-1)?.body).toMatchObject({ first: false, count: 50, kinds: { key: 50 } })
  }
})
