/** An identity provider whose tokens are taken. Times in milliseconds. */
export type Issuer = Readonly<{
  /** What `iss` says, to the letter. */
  issuer: string
  audience: string
  /** Null: what the discovery document names. */
  jwks: string | null
  /** Further CA certificates, PEM. */
  ca: string | null
  algorithms: readonly string[]
  clockSkewMs: number
  maxAgeMs: number
  keysEveryMs: number
  keysStaleAfterMs: number
  /** One tenant for all tokens, or a claim and what its words stand for. */
  tenant: Readonly<{ all: string } | { claim: string; by: ReadonlyMap<string, string> }>
  subjectClaim: string
  groupsClaim: string | null
  purposeClaim: string | null
  otherClaims: readonly string[]
}>
