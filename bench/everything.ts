import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { EMPTY, listText } from '../src/identity/revocation/list.ts'
import { type Ground, layGround } from '../test/house.ts'

/** An issuer of tokens on this machine, and one that it has signed. */
type Issuer = Readonly<{ issuer: string; token: string; stop(): void }>

const AUDIENCE = 'customhouse'

/**
 * A gateway with all controls on: callers by token, an overlay of the catalogue, the regime gdpr, minimal retention, retries, fallback and deadlines
 * by policy, a list of what is revoked.
 */
export async function layEverything(upstream: string): Promise<Readonly<{ ground: Ground; issuer: Issuer }>> {
  const issuer = await startIssuer()
  const ground = await layGround({
    providers: { bench: { url: upstream, contract: ['dpa'] } },
    config: {
      log: { level: 'info', format: 'json' },
      reload: { every: '1h' },
      residency: { catalogue: ['overlay.json'] },
      identity: {
        jwt: [{ issuer: issuer.issuer, audience: AUDIENCE, jwks: `${issuer.issuer}/keys`, tenant: 'claims' }],
        revocation: { store: 'revoked.json' },
      },
    },
  })
  writeFileSync(join(ground.folder, 'overlay.json'), JSON.stringify(OVERLAY))
  writeFileSync(join(ground.folder, 'revoked.json'), listText(EMPTY), { mode: 0o600 })
  // It pins what is chosen there.
  rmSync(join(ground.policies, 'org_test.rego'))
  edit(ground, 'residency', ({ residency }) => {
    Object.assign(residency.tenants.claims, { retention: 'minimal', regimes: ['gdpr'] })
  })
  edit(ground, 'routing', ({ routing }) => {
    routing.defaults = {
      retry: { times: 1, on: ['connect', 'overloaded'], wait_ms: 1000 },
      fallback: { on: ['connect', 'timeout', 'overloaded', 'server_error'] },
      deadline: { first_byte_ms: 30_000, call_ms: 60_000 },
    }
  })
  return { ground, issuer }
}

const OVERLAY = {
  version: 2,
  as_of: new Date().toISOString().slice(0, 10),
  sources: { own: 'made for the speed table' },
  bedrock: {
    imported: {
      'eu-central-1': {
        'eu.anthropic.claude-sonnet-4-5-20250929-v1:0': { regions: ['eu-central-1', 'eu-west-1'], source: 'own' },
      },
    },
  },
}

function edit({ policies }: Ground, name: string, change: (data: ReturnType<typeof parse>) => void): void {
  const file = join(policies, `org/${name}.yaml`)
  const data = parse(readFileSync(file, 'utf8'))
  change(data)
  writeFileSync(file, stringify(data))
}

async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = JSON.stringify({
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'RS256' }],
  })
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(keys)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: AUDIENCE, sub: 'bench', jti: 'bench', iat: now, exp: now + 3600 }
  const signed = [{ alg: 'RS256', kid: 'bench' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const token = `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
  return { issuer, token, stop: () => void server.close() }
}
