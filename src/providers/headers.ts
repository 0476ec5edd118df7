import type { Dispatch } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'

type Fields = Readonly<Record<string, string | string[] | undefined>>

/** Fields of an answer that may go further, by name, each with what its values may look like: nothing longer can hide in them. */
export type AnswerFields = readonly (readonly [name: RegExp, value: RegExp])[]

/** What every kind of provider may be sent. */
export const REQUEST: readonly string[] = ['accept', 'content-type']

/** An id that a provider gave the call. */
export const ID = /^[A-Za-z0-9._:/+=-]{1,200}$/
/** Counts, durations, times: `99`, `1m30s`, `2026-01-01T00:00:00Z`. */
export const AMOUNT = /^[A-Za-z0-9.:+-]{1,40}$/
/** A media type with its parameters (RFC 9110 8.3.1). */
export const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,80}\/[A-Za-z0-9!#$&^_.+-]{1,80}(?: ?; ?[\x20-\x7e]{0,200})?$/
/** Seconds, or an HTTP date (RFC 9110 10.2.3). */
const DELAY = /^[A-Za-z0-9 ,:.-]{1,40}$/

/** What any provider may answer with. */
export const ANSWER: AnswerFields = [
  [/^content-type$/, MEDIA_TYPE],
  [/^retry-after(?:-ms)?$/, DELAY],
]

/** What OpenAI and the servers that are compatible with it tell beside the answer. */
export const OPENAI_ANSWER: AnswerFields = [
  ...ANSWER,
  [/^x-request-id$/, ID],
  [/^openai-(?:processing-ms|version)$/, AMOUNT],
  [
    /^x-ratelimit-(?:limit|remaining|reset)(?:-(?:project-)?(?:requests|tokens|input-tokens|output-tokens|input-images))?$/,
    AMOUNT,
  ],
]

/**
 * The fields to send, name and value by turns: those of the dispatch, and `accept-encoding: identity`. Throws ERR_GATEWAY_INTERNAL for
 * a dispatch that brings a field which is not `allowed`: what belongs to the transport or to the credential above all.
 */
export function requestFields(dispatch: Dispatch, allowed: ReadonlySet<string>): string[] {
  const fields: string[] = []
  const seen = new Set<string>()
  for (const name of Object.keys(dispatch.headers)) {
    const value = dispatch.headers[name]
    const lower = name.toLowerCase()
    if (value === undefined || seen.has(lower)) throw refused(lower)
    seen.add(lower)
    if (lower === 'accept-encoding' && value === 'identity') continue
    if (!allowed.has(lower)) throw refused(lower)
    fields.push(lower, value)
  }
  fields.push('accept-encoding', 'identity')
  return fields
}

/** The fields of an answer that may go further. A value that does not look as it must is dropped. */
export function answerFields(all: Fields, allowed: AnswerFields): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of Object.keys(all)) {
    const rule = allowed.find(([names]) => names.test(name))
    const value = rule === undefined ? undefined : field(all, name)
    if (value !== undefined && rule?.[1].test(value)) fields[name] = value
  }
  return fields
}

/** One field of an answer; several of a name are joined by `, ` (RFC 9110 5.3). */
export function field(all: Fields, name: string): string | undefined {
  const value = all[name]
  return Array.isArray(value) ? value.join(', ') : value
}

function refused(name: string): CustomhouseError {
  // A name that is none stays out of the message: it may hold anything.
  const shown = /^[a-z0-9-]{1,64}$/.test(name) ? ` ${name}` : ''
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `A dispatch must not bring the header field${shown}.`)
}
