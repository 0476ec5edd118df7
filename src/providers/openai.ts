import { CustomhouseError } from '../core/errors.ts'
import type { Answer, Provider, UpstreamMessage } from '../core/port.ts'
import { decoded } from './encoding.ts'
import { type Began, exchange } from './exchange.ts'
import { fault } from './faults.ts'
import { answerFields, field, requestFields } from './headers.ts'
import { baseOf, openPool, type PoolOptions } from './pool.ts'

export type OpenAIOptions = PoolOptions &
  Readonly<{
    /** The provider's name in the configuration; stands in errors. */
    name: string
    /** `https://api.openai.com/v1`, or that of any server that speaks OpenAI's chat completions. */
    baseUrl: string
    /** For a whole answer, in milliseconds. Kept by the pipeline, which owns the call; see the port. */
    totalMs?: number
    /** Asked for each call, so that a rotated key takes effect. Undefined: the server wants none. */
    credential: () => string | undefined
  }>

/** Plain segments and a plain query: nothing that a server or a proxy on the way could read as another path. */
const PATH = /^(?:\/[A-Za-z0-9_~:@-][A-Za-z0-9._~:@-]*)+(?:\?[A-Za-z0-9._~:@=&%+-]*)?$/
const TOKEN = /^[\x21-\x7e]+$/

/**
 * OpenAI, and any server that is compatible with its chat completions. Source: the OpenAI API reference, and the npm package
 * `openai` 7.57 for hosts and headers.
 */
export function createOpenAI(options: OpenAIOptions): Provider {
  const { name, timeouts } = options
  const base = baseOf(name, options.baseUrl)
  const pool = openPool(base, options)
  const authorization = bearer(name, options.credential)
  const within = `${base.href}/`
  let closing: Promise<void> | undefined

  return {
    name,
    dialects: ['openai.chat'],
    ...(options.totalMs === undefined ? {} : { totalMs: options.totalMs }),
    address: (message) => address(name, base.href, message),
    open: async (dispatch, signal) => {
      // The last check before a credential leaves: a dispatch for another place never meets this provider's key.
      const below = dispatch.url.slice(base.href.length)
      if (!dispatch.url.startsWith(within) || !PATH.test(below) || dispatch.method !== 'POST') throw misdirected(name)
      const began = await exchange({
        provider: name,
        pool,
        timeouts,
        path: `${base.prefix}${below}`,
        fields: requestFields(dispatch, authorization()),
        body: dispatch.body,
        signal,
      })
      return answerOf(name, began)
    },
    close: () => {
      closing ??= pool.close()
      return closing
    },
  }
}

function address(name: string, base: string, message: UpstreamMessage): string {
  if (!PATH.test(message.path)) throw misdirected(name)
  return `${base}${message.path}`
}

function answerOf(name: string, { status, fields, body }: Began): Answer {
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
  return { status, headers: answerFields(fields), body: plain ? body : decoded(name, coding, body) }
}

/** `Bearer ...`, made anew only when the credential has changed. The credential itself stands in no error. */
function bearer(name: string, credential: () => string | undefined): () => string | null {
  let known: string | undefined
  let value: string | null = null
  return () => {
    const now = credential()
    if (now === known) return value
    if (now !== undefined && !TOKEN.test(now)) {
      throw new CustomhouseError(
        'ERR_GATEWAY_INTERNAL',
        `The credential of provider ${name} is not one printable word.`,
      )
    }
    known = now
    value = now === undefined ? null : `Bearer ${now}`
    return value
  }
}

function misdirected(name: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `A dispatch for another address was given to provider ${name}.`)
}
