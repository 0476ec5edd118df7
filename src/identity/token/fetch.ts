import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { getCACertificates } from 'node:tls'
import { CustomhouseError } from '../../core/errors.ts'
import { parseTree } from '../../core/parse.ts'
import type { Issuer } from './issuer.ts'
import { type KeySet, readKeySet } from './keyset.ts'

const TIME_MS = 5_000
const BYTES_MAX = 1024 * 1024

/** The issuer's keys as they are now. Must reject with ERR_IDENTITY_UNAVAILABLE where they cannot be had, or are none. */
export async function fetchKeySet(issuer: Issuer, signal: AbortSignal): Promise<KeySet> {
  // One time for both documents.
  const ends = AbortSignal.any([signal, AbortSignal.timeout(TIME_MS)])
  const address = issuer.jwks ?? (await discover(issuer, ends))
  return readKeySet(await fetchBytes(address, issuer.ca, ends), issuer.algorithms)
}

/** OpenID Connect Discovery 4.3: a document of another issuer, or one that leads into clear text, is none. */
async function discover({ issuer, ca }: Issuer, signal: AbortSignal): Promise<string> {
  const bytes = await fetchBytes(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ca, signal)
  const what = 'the discovery document'
  const tree = parseTree(bytes, { code: 'ERR_IDENTITY_UNAVAILABLE', what, values: 10_000 })
  const [named, address] = tree instanceof Map ? [tree.get('issuer'), tree.get('jwks_uri')] : []
  if (named !== issuer) throw unavailable('its discovery document names another issuer')
  if (typeof address !== 'string' || !isSafe(address)) {
    throw unavailable('its discovery document names no address of keys (jwks_uri) with https://')
  }
  return address
}

function isSafe(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol, hostname, username, password } = new URL(address)
  return username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname)))
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** What an address answers with: status 200, uncompressed, whole, not too large. Redirects are not followed. */
async function fetchBytes(address: string, ca: string | null, signal: AbortSignal): Promise<Buffer> {
  const url = new URL(address)
  try {
    return await get(url, ca, signal)
  } catch (cause) {
    if (cause instanceof CustomhouseError) throw cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer'
    throw unavailable(
      signal.aborted ? `${url.host} did not answer within ${TIME_MS / 1_000} s` : `${url.host}: ${code}`,
      cause,
    )
  }
}

async function get(url: URL, ca: string | null, signal: AbortSignal): Promise<Buffer> {
  const headers = { accept: 'application/json, application/jwk-set+json', 'accept-encoding': 'identity' }
  const proxyEnv = isLoopback(url.hostname) ? {} : process.env
  const agent =
    url.protocol === 'https:'
      ? new HttpsAgent({ proxyEnv, ...(ca === null ? {} : { ca: [...getCACertificates('default'), ca] }) })
      : new HttpAgent({ proxyEnv })
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    request(url, { agent, headers, signal }, resolve).on('error', reject).end()
  })
  try {
    if (response.statusCode !== 200) throw unavailable(`${url.host} answered ${response.statusCode}`)
    if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw unavailable(`${url.host} answered in a content coding that nobody asked for`)
    }
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > BYTES_MAX) throw unavailable(`${url.host} answered with more than ${BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    response.destroy()
  }
}

function unavailable(why: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_UNAVAILABLE', `The keys of an issuer cannot be had: ${why}.`, { cause })
}
