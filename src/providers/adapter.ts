import type { Dialect } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Answer, Provider, UpstreamMessage } from '../core/port.ts'
import type { CredentialOf, Prove } from './credential.ts'
import { decoded } from './encoding.ts'
import { type Began, exchange } from './exchange.ts'
import { fault } from './faults.ts'
import { type AnswerFields, answerFields, field, requestFields } from './headers.ts'
import { type Base, baseOf, openPool, type PoolOptions } from './pool.ts'

export type ProviderOptions = PoolOptions &
  Readonly<{
    /** The provider's name in the configuration; stands in errors. */
    name: string
    baseUrl: string
    /** For a whole answer, in milliseconds. Kept by the pipeline, which owns the call; see the port. */
    totalMs?: number
    /** Null: the server wants none, and nothing is added. */
    credential: CredentialOf | null
  }>

/** What one kind of provider has of its own. All else is the same for all: one HTTP exchange that adds a credential. */
export type Kind = Readonly<{
  dialects: readonly Dialect[]
  /** What may stand below the base URL, query included. */
  path: RegExp
  /** Fields that a dispatch may bring (lower-case names). */
  request: ReadonlySet<string>
  answer: AnswerFields
  prove: (base: Base) => Prove
}>

/** Plain segments and a plain query: nothing that a server or a proxy on the way could read as another path. */
export const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~:@-][A-Za-z0-9._~:@-]*)+(?:\?[A-Za-z0-9._~:@=&%+-]*)?$/

/** A provider of a kind. Throws ERR_CONFIG_INVALID for a base URL that is none. */
export function createAdapter(kind: Kind, options: ProviderOptions): Provider {
  const { name, timeouts } = options
  const base = baseOf(name, options.baseUrl)
  const pool = openPool(name, base, options)
  const prove = kind.prove(base)
  const within = `${base.href}/`
  let closing: Promise<void> | undefined

  return {
    name,
    dialects: kind.dialects,
    ...(options.totalMs === undefined ? {} : { totalMs: options.totalMs }),
    address: ({ path }: UpstreamMessage) => {
      if (!kind.path.test(path)) throw misdirected(name)
      return `${base.href}${path}`
    },
    open: async (dispatch, signal) => {
      // The last check before a credential leaves: a dispatch for another place never meets this provider's key. The text of the address
      // is what was recorded, so it is compared and sent as text; no URL parser touches it.
      const below = dispatch.url.slice(base.href.length)
      if (!dispatch.url.startsWith(within) || !kind.path.test(below) || dispatch.method !== 'POST') {
        throw misdirected(name)
      }
      const { body, tenant } = dispatch
      const path = `${base.prefix}${below}`
      const fields = requestFields(dispatch, kind.request)
      const started = performance.now()
      const proof = prove({ tenant, path, fields, body, signal })
      fields.push(...(proof instanceof Promise ? await proof : proof))
      const firstByteMs = Math.max(1, timeouts.firstByteMs - (performance.now() - started))
      return answerOf(
        name,
        kind.answer,
        await exchange({
          provider: name,
          pool,
          origin: base.origin,
          timeouts: { firstByteMs, idleMs: timeouts.idleMs },
          path,
          fields,
          body,
          signal,
        }),
      )
    },
    close: () => {
      closing ??= pool.close()
      return closing
    },
  }
}

function answerOf(name: string, allowed: AnswerFields, { status, fields, body }: Began): Answer {
  if (status < 400 && status >= 300) {
    body.cancel()
    throw fault('ERR_PROVIDER_MALFORMED', name, 'answered with a redirect, which is never followed', `STATUS_${status}`)
  }
  const framing = field(fields, 'transfer-encoding')
  if (status > 599 || (framing !== undefined && framing.toLowerCase() !== 'chunked')) {
    body.cancel()
    throw fault('ERR_PROVIDER_MALFORMED', name, 'answered with a head that HTTP/1.1 does not allow', `STATUS_${status}`)
  }
  const coding = field(fields, 'content-encoding')
  const plain = coding === undefined || coding === '' || coding.toLowerCase() === 'identity'
  return { status, headers: answerFields(fields, allowed), body: plain ? body : decoded(name, coding, body) }
}

function misdirected(name: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `A dispatch for another address was given to provider ${name}.`)
}
