import { type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici'
import { CustomhouseError } from '../core/errors.ts'
import { type Proxies, proxyFault } from './proxy.ts'
import { Slots } from './slots.ts'
import type { TlsOptions } from './tls.ts'

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
  /** Own certificates, for `https://`. */
  tls?: TlsOptions
  /** By way of which proxies; absent: none. */
  proxies?: Proxies
  /** How long an idle connection is kept. Default 4000: servers that close after 5 s without saying so are common (uvicorn). */
  keepAliveMs?: number
}>

/** Whoever has a slot may dispatch, and gives it back when undici holds the call no longer. undici itself has no calls that wait for a connection. */
export type Connections = Readonly<{
  dispatcher: Dispatcher
  slots: Slots
  /** Waits for the calls in flight; those that wait for a slot are refused. */
  close(): Promise<void>
}>

/** A base URL, taken apart. `prefix` has no slash at the end; no credential, query or fragment. */
export type Base = Readonly<{ origin: string; host: string; hostname: string; prefix: string; href: string }>

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
  return { origin: url.origin, host: url.host, hostname: url.hostname, prefix, href: `${url.origin}${prefix}` }
}

/**
 * Keep-alive connections to one origin. HTTP/1.1 only, one call at a time on each: a call is never pipelined behind another, so
 * undici never repeats one by itself. Its own head and body timers are off, since they start when a call has a socket and tick
 * in steps of half a second; an exchange keeps its own. With proxies the same rules hold inside the tunnel. Throws ERR_CONFIG_INVALID.
 */
export function openPool(provider: string, base: Base, options: PoolOptions): Connections {
  const dispatcher = dispatcherOf(provider, base, options)
  const slots = new Slots(options.maxSockets)
  const close = (): Promise<void> => {
    slots.close()
    return dispatcher.close()
  }
  return { dispatcher, slots, close }
}

function dispatcherOf(provider: string, base: Base, options: PoolOptions): Dispatcher {
  const { timeouts, tls, proxies } = options
  const connect = { timeout: timeouts.connectMs, allowH2: false, ...tls }
  const rules = {
    connections: options.maxSockets,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: options.keepAliveMs ?? 4000,
    maxHeaderSize: 16_384,
    connect,
  }
  if (proxies === undefined || (proxies.http === '' && proxies.https === '')) return new Pool(base.origin, rules)
  try {
    return new EnvHttpProxyAgent({
      ...rules,
      httpProxy: proxies.http,
      httpsProxy: proxies.https,
      noProxy: proxies.none,
      // Clear text goes through a tunnel too: undici 8.12 forwards it by rules of its own, without our limits.
      proxyTunnel: true,
      requestTls: connect,
      proxyTls: { timeout: timeouts.connectMs, allowH2: false },
      // A proxy that does not answer CONNECT: undici would wait five minutes.
      clientFactory: (origin, given) =>
        new Pool(origin, { ...given, allowH2: false, headersTimeout: timeouts.connectMs }),
    })
  } catch {
    throw proxyFault(provider)
  }
}
