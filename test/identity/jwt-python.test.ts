import { execFileSync, spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openScene, type Scene } from '../telemetry/scene.ts'
import { ALL_DOORS } from '../wire/doors.ts'
import { ask, bearer, claimsOf, type Idp, startIdp } from './tokens.ts'

/** Tokens that nothing of Node's made: keys by openssl, the rest by Python's standard library. */

function isHere(): boolean {
  const here = ['python3', 'openssl'].every((name) => spawnSync(name, ['version']).error === undefined)
  if (!here && process.env.CI === 'true') throw new Error('python3 and openssl must be here where CI=true')
  if (!here) console.log('skipped: python3 or openssl is not here')
  return here
}

const KEYS: readonly (readonly [alg: string, options: readonly string[]])[] = [
  ['RS256', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ['RS512', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072']],
  ['PS256', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ['ES256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ['ES384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['EdDSA', ['-algorithm', 'ED25519']],
]
const here = isHere()
const folder = mkdtempSync(join(tmpdir(), 'customhouse-python-'))
const fileOf = (alg: string): string => join(folder, `${alg}.pem`)
let idp: Idp
let scene: Scene

beforeAll(async () => {
  if (!here) return
  for (const [alg, options] of KEYS)
    execFileSync('openssl', ['genpkey', ...options, '-out', fileOf(alg)], { stdio: 'ignore' })
  idp = await startIdp()
  idp.serve('/jwks', {
    keys: KEYS.map(([alg]) => ({ ...createPublicKey(readFileSync(fileOf(alg))).export({ format: 'jwk' }), kid: alg })),
  })
  const algorithms = KEYS.map(([alg]) => alg)
  const issuer = { issuer: idp.url, jwks: `${idp.url}/jwks`, audience: 'customhouse', tenant: 'claims', algorithms }
  scene = await openScene({ config: { identity: { jwt: [issuer] } } })
}, 60_000)
afterAll(async () => {
  await scene?.stop()
  await idp?.down()
  rmSync(folder, { recursive: true, force: true })
})

function made(alg: string, kid: string, claims: readonly object[]): readonly string[] {
  const input = claims.map((one) => JSON.stringify(one)).join('\n')
  const script = join(import.meta.dirname, 'make_token.py')
  return execFileSync('python3', [script, fileOf(alg), alg, kid], { input, encoding: 'utf8' })
    .trim()
    .split('\n')
}

test.skipIf(!here).each(KEYS)(
  '%s: good ones are served at every door, whole and streamed; changed ones are not',
  async (alg) => {
    const [good = '', expired = '', foreign = ''] = made(alg, alg, [
      claimsOf(idp.url, { sub: 'Zoë, übernächtigt' }),
      claimsOf(idp.url, { iat: 1, exp: 60 }),
      claimsOf(idp.url, { aud: 'other' }),
    ])
    const [misnamed = ''] = made(alg, alg === 'RS256' ? 'PS256' : 'RS256', [claimsOf(idp.url)])
    const changed = `${good.slice(0, -9)}${good.at(-9) === 'A' ? 'B' : 'A'}${good.slice(-8)}`
    for (const door of ALL_DOORS) {
      for (const streamed of door.path.endsWith('count_tokens') ? [false] : [false, true]) {
        const status = async (token: string) =>
          (await ask(scene.post.customhouse.data, door, bearer(token), { streamed })).status
        const before = scene.recorder.requests.length
        const all = [good, expired, foreign, misnamed, changed].map(status)
        expect([door.title, ...(await Promise.all(all))]).toEqual([door.title, 200, 401, 401, 401, 401])
        expect(scene.recorder.requests).toHaveLength(before + 1)
      }
    }
  },
)
