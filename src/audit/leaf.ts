import { canonical, canonicalString } from '../core/canonical.ts'
import type { Json } from '../core/json.ts'
import { type AuditDraft, CLOSING_KINDS, LEAF_VERSION, type Leaf, type RecordKind } from '../core/record.ts'

/** Where and when a record stands: what the ledger adds to a draft. */
export type Position = Readonly<{
  /** Canonical JSON of the log's name, made once. */
  logJson: string
  boot: string
  epoch: number
  seq: number
  tseq: number
  id: string
  t: string
  mono: string
}>

/** What a leaf says of its personal fields: the sorted digests of their disclosures, and the digest of the part they are sealed in. */
export type PersonalMembers = Readonly<{ digests: readonly string[]; sealed: string }>

/** Every kind of record, so that a reader can tell an unknown one. A further kind takes a further version of the state: to an older reader it is damage. */
export const RECORD_KINDS: ReadonlySet<string> = new Set<RecordKind>([
  'call.intent',
  'call.attempt_failed',
  'call.outcome',
  'call.abandoned',
  'call.progress',
  'call.denied',
  'call.displaced',
  'access.refused',
  'policy.activated',
  'policy.rejected',
  'config.activated',
  'config.rejected',
  'identity.revoked',
  'ledger.opened',
  'ledger.restored',
  'ledger.closed',
])
const CLOSING: ReadonlySet<string> = new Set(CLOSING_KINDS)

/** Whether a record of this kind ends an intent. */
export function closes(kind: RecordKind): boolean {
  return CLOSING.has(kind)
}

/** The RFC 8785 form of a leaf. Its members are known and written in canonical order; only values that vary are serialised. */
export function writeLeaf(draft: AuditDraft, at: Position, personal: PersonalMembers | null): string {
  const sd = personal === null ? '' : `"_sd":["${personal.digests.join('","')}"],"_sd_alg":"sha-256",`
  const sealed = personal === null ? '' : `"sealed":"${personal.sealed}",`
  const call = draft.call === null ? 'null' : canonicalString(draft.call)
  const of = draft.of === undefined ? '' : `"of":${draft.of},`
  return `{${sd}"body":${canonical(draft.body)},"boot":"${at.boot}","call":${call},"epoch":${at.epoch},"id":"${at.id}","kind":"${draft.kind}","log":${at.logJson},"mono":"${at.mono}",${of}${sealed}"seq":${at.seq},"t":"${at.t}","tenant":${canonicalString(draft.tenant)},"tseq":${at.tseq},"v":${LEAF_VERSION}}`
}

/** Why a text is no leaf. */
export type LeafFault = Readonly<{ kind: 'canonical' | 'field'; field: string | null; message: string }>

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const MONO = /^(0|[1-9]\d*)$/
const DIGEST = /^[A-Za-z0-9_-]{43}$/

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && typeof value === 'number' && value >= 0
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** What each member of a leaf must be. Those of {@link OPTIONAL} may be absent. */
const MEMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  _sd: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item, i) => isDigest(item) && (i === 0 || String(value[i - 1]) <= item)),
  _sd_alg: (value) => value === 'sha-256',
  body: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  boot: isText,
  call: (value) => value === null || isText(value),
  epoch: (value) => isCount(value) && value !== 0,
  id: (value) => isText(value) && ID.test(value),
  kind: (value) => isText(value) && RECORD_KINDS.has(value),
  log: isText,
  mono: (value) => isText(value) && MONO.test(value),
  of: isCount,
  sealed: isDigest,
  seq: isCount,
  t: (value) => isText(value) && TIME.test(value),
  tenant: isText,
  tseq: isCount,
  v: (value) => value === LEAF_VERSION,
}
const OPTIONAL = ['_sd', '_sd_alg', 'of', 'sealed']
const REQUIRED = Object.keys(MEMBERS).filter((name) => !OPTIONAL.includes(name))

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value)
}

/** Reads the bytes of a leaf: they must be canonical, and each member must be what it has to be. */
export function readLeaf(text: string): Leaf | LeafFault {
  let value: Json
  try {
    value = JSON.parse(text)
    if (canonical(value) !== text)
      return { kind: 'canonical', field: null, message: 'the leaf is not in its canonical form (RFC 8785)' }
  } catch {
    return { kind: 'canonical', field: null, message: 'the leaf is not canonical JSON' }
  }
  const fault = faultyMember(value)
  if (fault !== null)
    return { kind: 'field', field: fault, message: `member ${fault} is missing, unknown or not of its shape` }
  return isLeaf(value) ? value : { kind: 'field', field: null, message: 'the leaf is not an object' }
}

export function isLeafFault(read: Leaf | LeafFault): read is LeafFault {
  return 'message' in read
}

function faultyMember(value: Json): string | null {
  if (typeof value !== 'object' || value === null) return 'v'
  const names = Object.keys(value)
  const members = new Map<string, unknown>(Object.entries(value))
  for (const name of names) if (!(Object.hasOwn(MEMBERS, name) && MEMBERS[name]?.(members.get(name)))) return name
  for (const name of REQUIRED) if (!members.has(name)) return name
  if (members.has('_sd') !== members.has('_sd_alg')) return '_sd_alg'
  if (members.has('_sd') !== members.has('sealed')) return 'sealed'
  return null
}

/** Narrows what {@link faultyMember} found no fault with. */
function isLeaf(value: unknown): value is Leaf {
  return typeof value === 'object' && value !== null
}
