import type { JsonTree } from './json.ts'

/** The wire formats that a client may speak. */
export const DIALECTS = ['openai.chat', 'anthropic.messages', 'bedrock.converse', 'bedrock.invoke'] as const
/** A path's prefix names it (design: names in the operator's file system). */
export type Dialect = (typeof DIALECTS)[number]

/** What a call may ask for, in the words of the OpenTelemetry GenAI conventions (`gen_ai.operation.name`). */
export const OPERATIONS = ['chat', 'count_tokens'] as const
export type Operation = (typeof OPERATIONS)[number]

/** Which adapter speaks to a provider. Codecs ask for it where servers of one dialect differ. */
export type ProviderKind = 'openai' | 'azure' | 'mistral' | 'anthropic' | 'bedrock'

/** Who calls. Made by `identity` from a verified credential; the credential itself goes no further. */
export type Principal = Readonly<{
  /** Stable name of the calling application or person; personal data: only a salted digest of it reaches a leaf. */
  subject: string
  tenant: string
  groups: readonly string[]
  /** What the credential proves the caller to be there for (a claim of its token); null where it says nothing of it. */
  purpose: string | null
  /** What proved it: policies may ask for more than others accept. */
  proof: Proof
  /** Id of the gateway key, of the token or of the certificate that proved it; never a secret. */
  keyId: string
}>

/** Kinds of proof of a caller. `key`: a gateway key; `signature`: SigV4 with its pair; `token`: a JWT; `certificate`: mutual TLS. */
export const PROOFS = ['key', 'signature', 'token', 'certificate'] as const
export type Proof = (typeof PROOFS)[number]

/**
 * Where in the world text goes, in three facets. Each is a set of places: ISO 3166-1 alpha-2 codes, or `*` when the operator has
 * declared that it may be anywhere. `null` is unknown, and no policy may permit the unknown. An empty storage set says that
 * nothing is stored.
 */
export type Residency = Readonly<{
  /** Where TLS ends. */
  endpoint: readonly string[] | null
  /** Where inference runs. */
  processing: readonly string[] | null
  /** Where text may be kept. */
  storage: readonly string[] | null
}>

/** One place that a call could be sent to. `id` is `provider/model`, unique in a generation. */
export type Target = Readonly<{
  id: string
  provider: string
  /** The model's name as this provider knows it. */
  model: string
  kind: ProviderKind
  /** What is spoken there. A call goes only where its own dialect is. */
  dialects: readonly Dialect[]
  residency: Residency
  /** What the operator declares about the contract with the provider (`baa`, `zdr`, ...): facts for policies. */
  contract: readonly string[]
  /** The tenants that the gateway holds a credential for at this provider; null: any. */
  tenants: readonly string[] | null
}>

export type Role = 'system' | 'user' | 'assistant' | 'tool' | 'none'

/**
 * Which kind of text a segment is. `text`: what people and models say. `reasoning`: a model's thoughts. `tool`: names, arguments
 * and results of tools, their schemas. `data`: every other string leaf, member names included; inspected all the same, since an
 * identifier is as good a hiding place as a prompt.
 */
export type Channel = 'text' | 'reasoning' | 'tool' | 'data'

/**
 * A string leaf of a body. `pointer` is its RFC 6901 pointer; one that ends in `#` names the member name itself (as in Relative
 * JSON Pointer), one that ends in `~#` a number, as it was written; these can be inspected but not edited.
 */
export type Segment = Readonly<{
  pointer: string
  role: Role
  channel: Channel
  text: string
  /** The provider has signed it: it can be inspected, and dropped with its whole block by the codec, but never edited. */
  signed?: true
  /** The text is itself JSON (a tool's arguments as a string): what is put into one of its strings must be escaped. */
  json?: true
  /** Name of the tool whose arguments or result it is, where the call says so. */
  tool?: string
}>

/** Content that a call names but does not carry, or carries in a form that no inspector reads (an image, a recording). */
export type Reference = Readonly<{
  /** `image`, `audio`, `file`, `url`, `stored` (an id of something kept at the provider) ... */
  kind: string
  /** `inline` (bytes in the body), `remote` (an address to fetch), `stored` (kept at the provider). */
  where: 'inline' | 'remote' | 'stored'
  pointer: string
}>

/** Rough size of a call before it is sent, for limits and quotas. Tokens are estimated as bytes of text / 4, rounded up. */
export type Estimate = Readonly<{ inputTokens: number; maxOutputTokens: number | null }>

/** The call without its text: all that plugins' `facts`, `settle` and the policies see. */
export type CallFacts = Readonly<{
  /** UUIDv7; the same in the answer's `x-customhouse-call` and in every record. */
  id: string
  principal: Principal
  dialect: Dialect
  operation: Operation
  /** What the client asked for: a name of the configuration's `models`. */
  model: string
  stream: boolean
  /** `x-customhouse-task`, or null. */
  task: string | null
  /** Classes of data that the client says the call holds (`x-customhouse-data-class`: `phi, pci`), sorted, each once. Its own word: it can only take away. */
  classes: readonly string[]
  estimate: Estimate
  /** Names of the tools that the call declares. */
  tools: readonly string[]
  references: readonly Reference[]
  /** Inbound headers of the codec's allow-list that are facts (lower-case names). */
  headers: Readonly<Record<string, string>>
  /** `x-customhouse-meta-*` headers. */
  metadata: Readonly<Record<string, string>>
}>

/** A call that has been read. */
export type ModelCall = CallFacts &
  Readonly<{
    /** Every string leaf, free member name and long number of `body`, in document order. */
    segments: readonly Segment[]
    /** Pointers of parts that the codec could not read. Not empty: the call is refused before any policy sees it. */
    unread: readonly string[]
    body: JsonTree
  }>

/** Replaces `[start, end)` (UTF-16 offsets) of a segment's text. Edits of one segment must not overlap. */
export type Edit = Readonly<{ pointer: string; start: number; end: number; text: string }>

/** Sets a member of the body (RFC 6901 pointer, parents must exist), or removes it where `value` is undefined. */
export type Assignment = Readonly<{ pointer: string; value: JsonTree | undefined }>

declare const REDACTED: unique symbol
/** Bytes from which every obligation of the call has taken what it takes out. Made in one place (`pipeline/redacted.ts`), so that nothing else can be sent. */
export type Redacted = Uint8Array & { readonly [REDACTED]: true }

/**
 * What will be sent, frozen before it is recorded. A provider's adapter adds credentials to it and nothing else. Frozen by
 * convention down to `body`, whose bytes nobody may write to after `digest` was taken.
 */
export type Dispatch = Readonly<{
  call: string
  /** Whose credential is added, where a provider has one for each tenant. */
  tenant: string
  target: Target
  method: 'POST'
  url: string
  headers: Readonly<Record<string, string>>
  body: Redacted
  /** Resolved from `url` itself, not copied from the target. */
  residency: Residency
  /** What a quota plugin reserved for it, in its own words. */
  reservation: string | null
  /** SHA-256 (hex) of method, url, headers and body; only ever recorded as a salted digest. */
  digest: string
}>

/** Tokens, as the provider reports them; merged field by field, since providers repeat and complete them. */
export type Usage = Readonly<{
  inputTokens?: number
  outputTokens?: number
  totalTokens?: number
  cachedInputTokens?: number
  reasoningTokens?: number
}>

/**
 * A piece of text in one event. `lane` names the text that it continues (`choices/0/content`), across events; a lane whose name begins
 * with `@` is complete in its one event, so that nothing of it need be held for what might follow.
 */
export type Part = Readonly<{
  lane: string
  pointer: string
  role: Role
  channel: Channel
  text: string
  /** The provider has signed it: an edit would break the next turn, so whoever makes one denies the answer. Same in all parts of a lane. */
  signed?: true
  /** As in {@link Segment}. The same in all parts of a lane. */
  json?: true
  /** Name of the tool whose arguments it is. The same in all parts of a lane. */
  tool?: string
  /** Where the codec has read a tool's arguments as JSON: the pointer of this one below them (`/to/0`). The same in all parts of a lane. */
  argument?: string
}>

/**
 * What a codec makes of an answer: a whole answer is a short stream of one `finish`. `frame` belongs to the codec; the pipeline
 * hands it back unread, with the texts of `parts` as they may be released.
 *
 * - `delta`: text, or nothing but structure.
 * - `finish`: tells the client that the answer is complete. From the first one on everything is withheld until the outcome is durable.
 * - `fault`: the provider's own error, in or instead of an answer.
 */
export type ModelEvent = Delta | Finish | Fault
export type Delta = Spoken & Readonly<{ kind: 'delta' }>
export type Finish = Spoken & Readonly<{ kind: 'finish'; reason: string }>
export type Fault = Spoken & Readonly<{ kind: 'fault'; code: string }>
type Spoken = Readonly<{
  parts: readonly Part[]
  /**
   * Lanes that end with this event (each may have a part in it): nothing of theirs need be held for what might follow. No later part may
   * name one of them again.
   */
  closes?: readonly string[]
  usage?: Usage
  /** What the provider says here of where it works. */
  evidence?: readonly Evidence[]
  frame: unknown
}>

/**
 * A provider's own word of where an answer comes from. `source` is where it stands: a member of the answer (`usage.inference_geo`), or a header
 * (`x-ms-region`). `word` is as it came, at most 64 characters; what it means is the catalogue's to say.
 */
export type Evidence = Readonly<{ source: string; word: string }>

/** What an inspector saw: UTF-16 offsets into the segment's text, end exclusive; `score` in 0..1. Never the text itself. */
export type Finding = Readonly<{ type: string; pointer: string; start: number; end: number; score: number }>

/** How a call ended. `complete` only if the provider finished and everything it said was released. */
export type Ending =
  | 'complete' // released to the last event
  | 'denied' // the policy refused the answer before anything of it was released
  | 'cut_off' // the policy refused the answer after something of it was released
  | 'provider_error' // the provider answered with an error
  | 'provider_truncated' // the provider stopped, or spoke what no codec reads
  | 'client_gone' // the client hung up
  | 'drained' // the gateway was stopping and the time was over
  | 'failed' // our own fault

export type Outcome = Readonly<{
  ending: Ending
  /** The HTTP status that the client saw, or would have seen. */
  status: number
  /** The dialect's own finish reason, `null` if it never came. */
  finish: string | null
  usage: Usage
  /** What the client got: bytes released. */
  bytes: number
  /** Milliseconds from the sending of the dispatch: to the first event, and to the end. */
  firstEventMs: number | null
  totalMs: number
}>
