import type {
  Assignment,
  CallFacts,
  Dialect,
  Dispatch,
  Edit,
  Evidence,
  ModelCall,
  ModelEvent,
  Operation,
  Principal,
  Residency,
  Target,
} from './call.ts'
import type { CustomhouseError } from './errors.ts'

/** A call as it stands at the socket, after authentication. Credentials are already gone from `headers`. */
export type InboundRequest = Readonly<{
  id: string
  method: string
  /** Path below the dialect's prefix, percent-encoded as it came: `/chat/completions`. */
  path: string
  /** Raw query without `?`; '' if there is none. */
  query: string
  /** Lower-case names; a name that came twice has its values joined by `, `. */
  headers: Readonly<Record<string, string>>
  body: Uint8Array
  principal: Principal
}>

/** An answer of ours, ready for the socket. */
export type Reply = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Uint8Array }>

/** What upstream bytes to write for a call: from the tree, never the client's bytes. */
export type UpstreamMessage = Readonly<{ path: string; headers: Readonly<Record<string, string>>; body: Uint8Array }>

/** One wire format, both ways. */
export interface Codec {
  readonly dialect: Dialect
  readonly operation: Operation
  /** Where this dialect's SDKs look for a request id; our call id stands in each. */
  readonly idHeaders: readonly string[]
  /** Whether method and path (below the prefix) are this codec's. */
  matches(method: string, path: string): boolean
  /** Must throw ERR_CALL_MALFORMED or ERR_CALL_UNSUPPORTED for what it does not wholly understand. */
  read(request: InboundRequest): ModelCall
  /**
   * Writes the call for a target. Each edit's segment is replaced in the tree, then the assignments are made, then the codec's own
   * (the target's model name, `stream_options.include_usage`). Must not change `call.body`. An edit of a signed segment drops the whole
   * block where the dialect allows that; else throws ERR_POLICY_DENIED, since what an obligation demands cannot be done. Throws the same for
   * a call that asks for a place where its target was not judged to be. `detail.rule` names which: `signed-text`, `place`.
   */
  write(call: ModelCall, target: Target, edits: readonly Edit[], assign: readonly Assignment[]): UpstreamMessage
  /** Reads an answer. `status` and `headers` are the provider's. */
  decode(call: ModelCall, status: number, headers: Readonly<Record<string, string>>): Decoder
  /** Writes an answer for the client. */
  encode(call: ModelCall): Encoder
  /** An error of ours before anything was sent: status, native body, native id header. `call` is there once it was read. */
  refuse(id: string, error: CustomhouseError, call?: ModelCall): Reply
}

export interface Decoder {
  /** Must throw ERR_PROVIDER_MALFORMED for what the dialect does not allow. Bytes may be cut anywhere. */
  push(chunk: Uint8Array): readonly ModelEvent[]
  /** The provider has ended. Must throw ERR_PROVIDER_TRUNCATED unless the dialect's own end was seen. */
  end(): readonly ModelEvent[]
}

export interface Encoder {
  readonly contentType: string
  /** Bytes of one event. `texts` replaces the text of each part, in order; undefined leaves them. May be empty. */
  event(event: ModelEvent, texts: readonly string[] | undefined): Uint8Array
  /** What comes after the last event (`data: [DONE]`). */
  end(): Uint8Array
  /** Ends a stream that has begun, so that the SDK raises. Not used before the first released byte: see `refuse`. */
  cutOff(error: CustomhouseError): Uint8Array
}

/** An upstream answer that has begun. */
export type Answer = Readonly<{
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  body: AnswerBody
}>

/** Bytes of an answer, read once: either `whole` or by iteration. Both throw ERR_PROVIDER_TRUNCATED when the provider hangs up. */
export interface AnswerBody extends AsyncIterable<Uint8Array> {
  whole(maxBytes: number): Promise<Uint8Array>
  /** Frees the connection; safe at any time. */
  cancel(): void
}

/** One provider. Must never follow a redirect and must add nothing but credentials to a dispatch. */
export interface Provider {
  readonly name: string
  readonly dialects: readonly Dialect[]
  /** For a whole answer of this provider, in milliseconds, in place of the general limit. */
  readonly totalMs?: number
  /** Full address for a message; no credential in it. */
  address(message: UpstreamMessage): string
  /** Must throw ERR_PROVIDER_UNREACHABLE or ERR_PROVIDER_TIMEOUT when no answer began. */
  open(dispatch: Dispatch, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

/** Says where a dispatch goes, and what providers mean by their own words for places. */
export interface Catalogue {
  /**
   * From the dispatch alone: its address, and its bytes where a member of the body decides (a deployment's name, `inference_geo`). Must answer with null
   * facets for what it does not know, and without a body for what only a body tells.
   */
  resolve(url: string, body?: Uint8Array): Residency
  /** What a word of the target's provider means. `places` null: the catalogue does not know it. */
  evidence(target: Target, evidence: Evidence): Placed
}

/** A facet of a residency, and the places that somebody says it has. */
export type Placed = Readonly<{ facet: keyof Residency; places: readonly string[] | null }>

/** The head of a call as it came, for whoever proves the caller: a signature may cover all of it. */
export type Presented = Readonly<{
  method: string
  /** The whole path, percent-encoded as it came, prefix included. */
  path: string
  /** Raw query without `?`. */
  query: string
  /** Headers that carry a credential, by lower-case name. */
  proof: Readonly<Record<string, string>>
  /** All others. `host` is what the client named, over HTTP/2 too. */
  headers: Readonly<Record<string, string>>
  /** The certificate that the client showed in the handshake, where its chain was verified; else null. */
  certificate: PeerCertificate | null
}>

/** What counts of a client's certificate (RFC 5280). */
export type PeerCertificate = Readonly<{
  /** URIs of the subject alternative name: `spiffe://bank.example/claims`. */
  uris: readonly string[]
  /** DNS names of the subject alternative name. */
  dns: readonly string[]
  /** SHA-256 of the DER, hex in lower case. */
  fingerprint: string
  /** Hex in lower case, without leading zeros. */
  serial: string
  /** Milliseconds since 1970. */
  validTo: number
}>

/**
 * Who calls. `confirm` is not null where the proof covers the body, and must be called with it. Until it has returned nothing may be read as a call; of
 * `head: 'proved'` the head is the principal's all the same, of `head: 'claimed'` nothing is known yet.
 */
export type Proved = Readonly<
  | { principal: Principal; confirm: null }
  | { principal: Principal; confirm: (body: Uint8Array) => void; head: 'proved' | 'claimed' }
>

/**
 * Proves who calls. Must throw, or reject with, ERR_IDENTITY_MISSING or ERR_IDENTITY_INVALID, ERR_IDENTITY_UNAVAILABLE where nobody can tell now; and so must
 * `confirm`.
 */
export interface Authenticator {
  /** A promise only where the proof has to be fetched or computed: most callers were seen before, and cost the call no turn of the loop. */
  authenticate(presented: Presented): Proved | Promise<Proved>
  /** Whether a principal proved earlier still stands: asked again after every wait. Must throw ERR_IDENTITY_UNAVAILABLE where nobody can tell now. */
  stands(principal: Principal): boolean
  /**
   * Whether somebody is known to have withdrawn what proved a principal: asked at each window of an answer under way, which is then cut off. False where nobody can tell now, and for
   * what has merely expired or was rotated: what began before may finish. Must not throw.
   */
  revoked(principal: Principal): boolean
}

/** The client's side of a call, once it was read. Nothing may be written after `end`. */
export interface Client {
  /** Aborted when the client has hung up. */
  readonly gone: AbortSignal
  begin(status: number, headers: Readonly<Record<string, string>>): void
  /** Resolves when more may be written. Whole answers are written once, with `end`. */
  write(bytes: Uint8Array): Promise<void> | void
  end(bytes?: Uint8Array): void
  /** Breaks the connection: only when not even an in-dialect error can be written. */
  destroy(): void
}

export type { CallFacts }
