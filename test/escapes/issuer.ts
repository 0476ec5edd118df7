import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { Json } from '../../src/core/json.ts'

type Members = Readonly<Record<string, Json>>

/** Two identity providers of one host: the first one may prove `purposed`, the second one `lab` alone. Tokens are made by node:crypto. */
export type Issuers = Readonly<{
  identity: Json
  token(which: 'bank' | 'lab', claims: Members): string
  close(): Promise<void>
}>

const encode = (value: Members): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export async function startIssuers(): Promise<Issuers> {
  const pairs = { bank: generateKeyPairSync('ed25519'), lab: generateKeyPairSync('ed25519') }
  const server = createServer((request, response) => {
    const which = request.url === '/lab/jwks' ? 'lab' : 'bank'
    const key = pairs[which].publicKey.export({ format: 'jwk' })
    response.end(JSON.stringify({ keys: [{ ...key, kid: which, use: 'sig', alg: 'EdDSA' }] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the issuers have no port')
  const origin = `http://127.0.0.1:${address.port}`
  const issuer = (which: string, more: Members): Json => ({
    issuer: `${origin}/${which}`,
    jwks: `${origin}/${which}/jwks`,
    audience: 'customhouse',
    algorithms: ['EdDSA'],
    purpose_claim: 'purpose',
    ...more,
  })
  return {
    identity: {
      jwt: [issuer('bank', { tenant_claim: 'dept', tenants: { care: 'purposed' } }), issuer('lab', { tenant: 'lab' })],
    },
    token: (which, claims) => {
      const now = Math.floor(Date.now() / 1000)
      const said = { iss: `${origin}/${which}`, aud: 'customhouse', sub: 'bot', iat: now, exp: now + 600, ...claims }
      const input = `${encode({ alg: 'EdDSA', kid: which, typ: 'JWT' })}.${encode(said)}`
      return `${input}.${sign(null, Buffer.from(input), pairs[which].privateKey).toString('base64url')}`
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
