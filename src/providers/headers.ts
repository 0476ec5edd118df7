import type { Dispatch } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'

type Fields = Readonly<Record<string, string | string[] | undefined>>

/**
 * Fields of an answer that may go further, by name, each with what its values must look like, or with what is made of one. Nobody inspects
 * them, and all but the media type and ids reach the client: every form is short, and none takes a sentence, a name or the number of an account.
 */
export type AnswerFields = readonly (readonly [name: RegExp, value: Rule])[]
type Rule = RegExp | Reading
/** The value as it goes further; undefined drops the field. */
type Reading = (value: string) => string | undefined

/** What every kind of provider may be sent. */
export const REQUEST: readonly string[] = ['accept', 'content-type']

/** An id that a provider gave the call. Opaque, so it stands on record and goes no further. */
export const ID = /^[A-Za-z0-9._-]{1,80}$/
/** Tokens, calls, milliseconds. */
export const COUNT = /^[0-9]{1,12}$/
/** A time of RFC 3339 in this century. */
export const TIME =
  /^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,3})?(?:Z|[+-][0-2][0-9]:[0-5][0-9])$/
/** A duration as Go writes it: `6m0s`, `8.64s`, `20ms`. */
const DURATION =
  /^(?=[0-9])(?=.{1,16}$)(?:[0-9]{1,3}d)?(?:[0-9]{1,3}h)?(?:[0-9]{1,3}m)?(?:[0-9]{1,6}(?:\.[0-9]{1,3})?s|[0-9]{1,6}(?:\.[0-9]{1,3})?ms)?$/
/** An IMF-fixdate (RFC 9110 5.6.7) by its form; that it is a day of the calendar is seen by writing it anew. */
const DATE = /^[A-Z][a-z]{2}, [0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT$/
const SECONDS = /^[0-9]{1,9}$/
const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,80}\/[A-Za-z0-9!#$&^_.+-]{1,80}$/

/** The media type alone (RFC 9110 8.3.1): codecs ask for no more, and parameters are free text. */
function mediaType(value: string): string | undefined {
  const type = value.split(';', 1)[0]?.trim() ?? ''
  return MEDIA_TYPE.test(type) ? type : undefined
}

/** Seconds, or a date (RFC 9110 10.2.3). */
function retryAfter(value: string): string | undefined {
  if (SECONDS.test(value)) return value
  return DATE.test(value) && new Date(value).toUTCString() === value ? value : undefined
}

/** When a limit is lifted: a duration, seconds, or a time. */
function reset(value: string): string | undefined {
  return DURATION.test(value) || COUNT.test(value) || TIME.test(value) ? value : undefined
}

/** What any provider may answer with. */
export const ANSWER: AnswerFields = [
  [/^content-type$/, mediaType],
  [/^retry-after$/, retryAfter],
  [/^retry-after-ms$/, COUNT],
]

const OF_LIMITS = '(?:-(?:project-)?(?:requests|tokens|input-tokens|output-tokens|input-images))?$'

/** What OpenAI and the servers that are compatible with it tell beside the answer. */
export const OPENAI_ANSWER: AnswerFields = [
  ...ANSWER,
  [/^x-request-id$/, ID],
  [/^openai-processing-ms$/, COUNT],
  [/^openai-version$/, /^20[0-9]{2}-[01][0-9]-[0-3][0-9]$/],
  [new RegExp(`^x-ratelimit-(?:limit|remaining)${OF_LIMITS}`), COUNT],
  [new RegExp(`^x-ratelimit-reset${OF_LIMITS}`), reset],
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
    const rule = ruleOf(name, allowed)
    const value = rule === null ? undefined : field(all, name)
    if (rule === null || value === undefined) continue
    const read = typeof rule === 'function' ? rule(value) : rule.test(value) ? value : undefined
    if (read !== undefined) fields[name] = read
  }
  return fields
}

/** Names that were looked up, by list: a provider says the same ones with each answer. One that says ever new ones is looked up each time. */
const known = new WeakMap<AnswerFields, Map<string, Rule | null>>()
const KNOWN_MOST = 256

function ruleOf(name: string, allowed: AnswerFields): Rule | null {
  let rules = known.get(allowed)
  if (rules === undefined) {
    rules = new Map()
    known.set(allowed, rules)
  }
  const before = rules.get(name)
  if (before !== undefined) return before
  const rule = allowed.find(([names]) => names.test(name))?.[1] ?? null
  if (rules.size < KNOWN_MOST) rules.set(name, rule)
  return rule
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
