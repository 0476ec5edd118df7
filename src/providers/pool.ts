import { Pool } from 'undici'
import { CustomhouseError } from '../core/errors.ts'

export type Timeouts = Readonly<{
  /** Until TCP and TLS stand. */
  connectMs: number
  /** From `open` to the answer's head: waiting for a free socket, connecting and the provider's thinking together. */
  firstByteMs: number
  /** Between two pieces of a body, while someone is reading. */
  idleMs: number
}>

export type PoolOptions = Readonly<{
  timeouts: Timeouts
  /** Connections at most; further calls wait, inside `firstByteMs`. */
  maxSockets: number
  /** PEM certificates to trust instead of Node's own. */
  ca?: string
  /** How long an idle connection is kept. Default 4000: servers that close after 5 s without saying so are common (uvicorn). */
  keepAliveMs?: number
}>

/** A base URL, taken apart. `prefix` has no slash at the end; no credential, query or fragment. */
export type Base = Readonly<{ origin: string; prefix: string; href: string }>

/** Reads a configured base URL. Throws ERR_CONFIG_INVALID. */
export function baseOf(provider: string, baseUrl: string): Base {
  const url = URL.parse(baseUrl)
  const plain = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!plain || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    // The value stays out of the message: it may hold a credential.
    const rule = 'an http or https URL without user, query or fragment'
    throw new CustomhouseError('ERR_CONFIG_INVALID', `base_url of provider ${provider} must be ${rule}.`)
  }
  const prefix = url.pathname.replace(/\/+$/, '')
  return { origin: url.origin, prefix, href: `${url.origin}${prefix}` }
}

/**
 * Keep-alive connections to one origin. HTTP/1.1 only, one call at a time on each: a call is never pipelined behind another, so
 * undici never repeats one by itself. Its own head and body timers are off, since they start when a call has a socket and tick
 * in steps of half a second; an exchange keeps its own.
 */
export function openPool(base: Base, options: PoolOptions): Pool {
  return new Pool(base.origin, {
    connections: options.maxSockets,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: options.keepAliveMs ?? 4000,
    maxHeaderSize: 16_384,
    connect: { timeout: options.timeouts.connectMs, ...(options.ca === undefined ? {} : { ca: options.ca }) },
  })
}
