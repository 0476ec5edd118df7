import type { Dispatch } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'

/** Fields that belong to the transport or to the credential: a dispatch must not bring them, or its digest would not tell what was sent. */
const OURS: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What of an answer's head is read at all. Everything else stays behind, cookies above all. */
const ANSWER: ReadonlySet<string> = new Set([
  'content-type',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
  'x-request-id',
])
/** Limits by the names that providers document, and the values of such: counts, durations, times. Nothing longer can hide among them. */
const LIMIT = /^x-ratelimit-(?:limit|remaining|reset)(?:-(?:project-)?(?:requests|tokens|input-tokens|output-tokens))?$/
const LIMIT_VALUE = /^[A-Za-z0-9.:+-]{1,40}$/
const PRINTABLE = /^[\x20-\x7e]{0,1024}$/

/**
 * The fields to send, name and value by turns: those of the dispatch, `accept-encoding: identity`, and the credential. Throws
 * ERR_GATEWAY_INTERNAL for a dispatch that brings a field of the transport or of the credential.
 */
export function requestFields(dispatch: Dispatch, authorization: string | null): string[] {
  const fields: string[] = []
  for (const name of Object.keys(dispatch.headers)) {
    const value = dispatch.headers[name]
    const lower = name.toLowerCase()
    if (value === undefined || OURS.has(lower)) throw refused(lower)
    if (lower === 'accept-encoding') {
      if (value !== 'identity') throw refused(lower)
      continue
    }
    fields.push(lower, value)
  }
  fields.push('accept-encoding', 'identity')
  if (authorization !== null) fields.push('authorization', authorization)
  return fields
}

/** The fields of an answer that may go further. A value that is not printable ASCII or too long is dropped. */
export function answerFields(all: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of Object.keys(all)) {
    const limit = !ANSWER.has(name)
    if (limit && !LIMIT.test(name)) continue
    const value = field(all, name)
    if (value !== undefined && (limit ? LIMIT_VALUE : PRINTABLE).test(value)) fields[name] = value
  }
  return fields
}

/** One field of an answer; several of a name are joined by `, ` (RFC 9110 5.3). */
export function field(all: Readonly<Record<string, string | string[] | undefined>>, name: string): string | undefined {
  const value = all[name]
  return Array.isArray(value) ? value.join(', ') : value
}

function refused(name: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `A dispatch must not bring the header field ${name}.`)
}
