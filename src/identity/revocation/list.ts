import { CustomhouseError } from '../../core/errors.ts'

/** What a name can be of. `issuer-key` is a key that an issuer signs tokens with. */
export const REVOCABLE = ['key', 'token', 'subject', 'issuer-key', 'certificate'] as const
export type Revocable = (typeof REVOCABLE)[number]

/** Times are RFC 3339, UTC, with milliseconds. Without `until` it is for good. */
export type Revoked = Readonly<{ name: string; at: string; until?: string; why?: string }>

/** A name that was revoked and knowingly is no more. Without it a name that is missing was lost. */
export type Lifted = Readonly<{ name: string; at: string }>

/** All that is revoked, as it is shared and replaced: whole. A name stands once, in one of the two. */
export type RevocationList = Readonly<{
  /** One more with each change. */
  generation: number
  revoked: readonly Revoked[]
  lifted: readonly Lifted[]
}>

export const EMPTY: RevocationList = { generation: 0, revoked: [], lifted: [] }

/** Names of a list, both kinds together. Each gateway reads all of them at each change, in its main thread: 10,000 took 11 ms, 100,000 took 130 ms. */
export const MOST_NAMES = 10_000
/** Bytes of a list's text. */
export const MOST_BYTES = 4 * 1024 * 1024
const NAME_MOST = 1_024
const WHY_MOST = 256

/**
 * Whether a text is a name: `key:<id>`, `token:<issuer> <jti>`, `subject:<issuer> <sub>`, `subject:key <subject>`, `subject:certificate <subject>`,
 * `issuer-key:<issuer> <kid>`, `certificate:<SHA-256 of the DER, hex in lower case>`.
 */
export function isName(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > NAME_MOST || !isLine(text)) return false
  const cut = text.indexOf(':')
  const [kind, rest] = [text.slice(0, cut), text.slice(cut + 1)]
  if (kind === 'key') return /^[0-9A-Za-z]{8}$/.test(rest)
  if (kind === 'certificate') return /^[0-9a-f]{64}$/.test(rest)
  return (kind === 'token' || kind === 'subject' || kind === 'issuer-key') && /^[^ ]+ ./.test(rest)
}

/** What a name is of. */
export function kindOf(name: string): Revocable {
  const kind = name.slice(0, name.indexOf(':'))
  return REVOCABLE.find((one) => one === kind) ?? 'subject'
}

/** Whether an entry says no to its name at `now`, in milliseconds since 1970. */
export function holds({ until }: Revoked, now: number): boolean {
  return until === undefined || Date.parse(until) > now
}

/** When an entry is over, in milliseconds since 1970; Infinity for never. */
export function endOf({ until }: Revoked): number {
  return until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until)
}

/** Reads a list strictly. Must throw ERR_KEYS_STORE for anything that {@link listText} of this version did not write. */
export function parseList(where: string, bytes: Uint8Array): RevocationList {
  if (bytes.length > MOST_BYTES) throw damaged(where, `it is larger than ${MOST_BYTES} bytes`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw damaged(where, 'it is no JSON', cause)
  }
  if (!isObject(value, ['version', 'generation', 'revoked', 'lifted']) || value.version !== 1) {
    throw damaged(where, 'it is no list of version 1')
  }
  const { generation, revoked, lifted } = value
  if (!Number.isSafeInteger(generation) || Number(generation) < 0) throw damaged(where, 'generation is no count')
  if (!Array.isArray(revoked) || !Array.isArray(lifted)) throw damaged(where, 'revoked and lifted must be lists')
  if (revoked.length + lifted.length > MOST_NAMES) throw damaged(where, `it has more than ${MOST_NAMES} names`)
  const names = new Set<string>()
  for (const [index, one] of revoked.entries()) {
    if (!isRevoked(one)) throw damaged(where, `revoked[${index}] is none`)
    names.add(one.name)
  }
  for (const [index, one] of lifted.entries()) {
    if (!isLifted(one)) throw damaged(where, `lifted[${index}] is none`)
    names.add(one.name)
  }
  if (names.size !== revoked.length + lifted.length) throw damaged(where, 'a name stands in it twice')
  return { generation: Number(generation), revoked, lifted }
}

/** @throws CustomhouseError ERR_CLI_USAGE where it would be too long to be read again */
export function listText({ generation, revoked, lifted }: RevocationList): string {
  if (revoked.length + lifted.length > MOST_NAMES) throw full()
  const lines = [...revoked.map((one) => JSON.stringify(one))].join(',\n')
  const text = `{"version":1,"generation":${generation},"revoked":[\n${lines}\n],"lifted":${JSON.stringify(lifted)}}\n`
  if (Buffer.byteLength(text) > MOST_BYTES) throw full()
  return text
}

function full(): CustomhouseError {
  return new CustomhouseError(
    'ERR_CLI_USAGE',
    `The list of what is revoked is full (${MOST_NAMES} names, ${MOST_BYTES} bytes): revoke a subject or an issuer's key in place of single tokens, and give tokens an end (--until).`,
  )
}

function isRevoked(value: unknown): value is Revoked {
  if (!isObject(value, ['name', 'at', 'until', 'why'])) return false
  const { name, at, until, why } = value
  return isName(name) && isTime(at) && (until === undefined || isTime(until)) && (why === undefined || isWhy(why))
}

function isLifted(value: unknown): value is Lifted {
  return isObject(value, ['name', 'at']) && isName(value.name) && isTime(value.at)
}

/** A reason is one line of at most 256 characters. */
export function isWhy(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= WHY_MOST && isLine(value)
}

/** An unknown member is refused: a newer version may mean something by it. */
function isObject(value: unknown, members: readonly string[]): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).every((name) => members.includes(name))
  )
}

function isLine(text: string): boolean {
  // Half of a surrogate pair would come back from UTF-8 as another character.
  return text.isWellFormed() && !/\p{Cc}/u.test(text)
}

function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  )
}

function damaged(where: string, what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_KEYS_STORE',
    `The list of what is revoked in ${where} is damaged: ${what}. Restore it from a backup.`,
    cause === undefined ? {} : { cause },
  )
}
