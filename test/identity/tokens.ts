import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Issuer } from '../../src/identity/index.ts'
import type { SelfSigned } from '../kit/index.ts'
import { addressOf, type Door } from '../wire/doors.ts'

/** Identity providers on real sockets, and their tokens, made by node:crypto alone: the library under test is not its own oracle. */

export type Members = Readonly<Record<string, unknown>>
export type Signer = Readonly<{ alg: string; kid: string; publicKey: KeyObject; privateKey: KeyObject }>

export function newSigner(alg: string, kid: string, bits = 2_048): Signer {
  return { alg, kid, ...pairFor(alg, bits) }
}

function pairFor(alg: string, bits: number): Readonly<{ publicKey: KeyObject; privateKey: KeyObject }> {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve })
  return generateKeyPairSync('rsa', { modulusLength: bits })
}

export const jwkOf = ({ publicKey, kid }: Signer, more: JsonWebKey = {}): JsonWebKey => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  ...more,
})

export const setOf = (...signers: readonly Signer[]): unknown => ({ keys: signers.map((one) => jwkOf(one)) })

/** Seconds since 1970, as tokens have them. */
export const now = (): number => Math.floor(Date.now() / 1_000)

export const claimsOf = (issuer: string, more: Members = {}): Members => ({
  iss: issuer,
  aud: 'customhouse',
  sub: 'claims-bot',
  jti: randomUUID(),
  iat: now(),
  exp: now() + 600,
  ...more,
})

export function tokenOf(signer: Signer, claims: Members, header: Members = {}): string {
  const { alg, kid } = signer
  const input = [{ alg, kid, typ: 'JWT', ...header }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${signatureOf(signer, Buffer.from(input)).toString('base64url')}`
}

function signatureOf({ alg, privateKey }: Signer, input: Buffer): Buffer {
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  const padded = alg.startsWith('PS') ? { padding: 6, saltLength: Number(alg.slice(2)) / 8 } : {}
  return sign(digest, input, { key: privateKey, dsaEncoding: 'ieee-p1363', ...padded })
}

/** What an identity provider answers to a path: a document, or whatever it does in place of one. */
export type Served = object | string | ((request: IncomingMessage, response: ServerResponse) => void)

export type Idp = Readonly<{
  url: string
  /** Paths that were asked for, oldest first. */
  asked: readonly string[]
  /** Another answer from now on. */
  serve(path: string, answer: Served): void
  /** Nobody listens at its port from now on; and again. */
  down(): Promise<void>
  up(): Promise<void>
}>

/** An identity provider on a port of its own. Without `up` nobody listens there yet. */
export async function startIdp(options: Readonly<{ up?: boolean; tls?: SelfSigned }> = {}): Promise<Idp> {
  const asked: string[] = []
  const served = new Map<string, Served>()
  const hear = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? ''
    asked.push(path)
    const answer = served.get(path)
    if (answer === undefined) response.writeHead(404).end()
    else if (typeof answer === 'function') answer(request, response)
    else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  }
  const server: Server = options.tls === undefined ? createServer(hear) : createTlsServer(options.tls, hear)
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  if (options.up === false) await down()
  return {
    url: `${options.tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}`,
    asked,
    serve: (path, answer) => void served.set(path, answer),
    down,
    up: () => listen(port),
  }
}

/** An issuer as the configuration makes one, with short times. */
export function issuerAt(url: string, more: Partial<Issuer> = {}): Issuer {
  return {
    issuer: url,
    audience: 'customhouse',
    jwks: `${url}/jwks`,
    ca: null,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clockSkewMs: 0,
    maxAgeMs: 86_400_000,
    keysEveryMs: 60_000,
    keysStaleAfterMs: 120_000,
    tenant: { all: 'claims' },
    subjectClaim: 'sub',
    groupsClaim: null,
    purposeClaim: null,
    otherClaims: [],
    ...more,
  }
}

export type Answered = Readonly<{ status: number; retryAfter: string | null; text: string }>

/** A call at a door, whole or streamed. */
export async function ask(
  origin: string,
  door: Door,
  headers: Readonly<Record<string, string>>,
  { streamed = false, send = fetch }: Readonly<{ streamed?: boolean; send?: typeof fetch }> = {},
): Promise<Answered> {
  const bedrock = door.kind === 'bedrock'
  const suffix = streamed && bedrock ? (door.path.endsWith('converse') ? '-stream' : '-with-response-stream') : ''
  const answer = await send(origin + addressOf(door) + suffix, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...door.headers, ...headers },
    body: door.body().replace(/\}$/, streamed && !bedrock ? ',"stream":true}' : '}'),
  })
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() }
}

export const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` })
