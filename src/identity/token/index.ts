import { hash } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import type { Principal } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { principalOf, type Said } from './claims.ts'
import type { Issuer } from './issuer.ts'
import type { IssuerKey } from './keyset.ts'
import { Memory } from './memory.ts'
import { COOLDOWN_MS, KeySource, type TokensEvent } from './source.ts'
import { invalid, readToken, TOKEN_MAX, type TokenText } from './text.ts'
import { Turns } from './turns.ts'

export type { Issuer } from './issuer.ts'
export type { TokensEvent } from './source.ts'
export { looksToken } from './text.ts'

export type TokensOptions = Readonly<{
  issuers: readonly Issuer[]
  report?: (event: TokensEvent) => void
  /** Between two fetches for the sake of a key that is not known. Default 30 s. */
  cooldownMs?: number
  /** The most proved tokens that are remembered: at least the half of it that was used last. Default 10,000. */
  remember?: number
}>

/** Tokens of workloads, proved by their issuers' keys. */
export type Tokens = Readonly<{
  /** Who a token proves: at once where it was proved before. Must throw, or reject, as {@link Authenticator} does. */
  prove(token: string): Principal | Promise<Principal>
  /** Whether a principal of {@link prove} still stands. Must throw ERR_IDENTITY_UNAVAILABLE where nobody can tell. */
  stands(principal: Principal): boolean
  /** What may be revoked of a principal of {@link prove}. */
  names(principal: Principal): readonly string[]
  /** Fetches all keys anew; never rejects. */
  refresh(): Promise<void>
  close(): void
}>

type Known = Readonly<{ issuer: Issuer; source: KeySource }> & { waiting: number; proving: number }
type Proof = Readonly<{ source: KeySource; key: IssuerKey }> & Said

/** Signatures that are checked at one time: as many threads as Node has for them, twice. */
const CHECKS = 8
/** Tokens of one issuer whose key is there and whose signature is not checked yet, at one time. */
const PROVING_MAX = 256
/** Those that wait for a key, at one time: apart, so that whoever makes up ids of keys takes no room of those whose key is known. */
const WAITING_MAX = 256

/** Opens the issuers: their keys are fetched from now on, and nobody waits for them. */
export function openTokens(options: TokensOptions): Tokens {
  const { issuers, report = () => undefined, cooldownMs = COOLDOWN_MS, remember = 10_000 } = options
  const known = new Map<string, Known>()
  for (const issuer of issuers) {
    known.set(issuer.issuer, { issuer, source: new KeySource(issuer, report, cooldownMs), waiting: 0, proving: 0 })
  }
  const turns = new Turns(CHECKS)
  /** Proved tokens by the digest of their text. What was not proved is not kept. */
  const remembered = new Memory<Proof>(remember)
  const underway = new Map<string, Promise<Principal>>()
  const proofs = new WeakMap<Principal, Proof>()

  const good = ({ source, key, ends }: Proof, now: number): boolean => now < ends && source.holds(key)

  const sought = async (one: Known, kid: string): Promise<IssuerKey> => {
    if (one.waiting >= WAITING_MAX) throw crowded()
    one.waiting++
    try {
      return await one.source.seek(kid)
    } finally {
      one.waiting--
    }
  }

  const prove = async (digest: string, token: TokenText, one: Known): Promise<Principal> => {
    const key = one.source.look(token.kid) ?? (await sought(one, token.kid))
    if (one.proving >= PROVING_MAX) throw crowded()
    one.proving++
    try {
      return await check(digest, token, one, key)
    } finally {
      one.proving--
    }
  }

  const check = async (
    digest: string,
    token: TokenText,
    { issuer, source }: Known,
    key: IssuerKey,
  ): Promise<Principal> => {
    if (!key.algorithms.has(token.alg)) {
      throw invalid('This token is signed in another way (alg) than its key is for.')
    }
    await turns.take(issuer.issuer)
    try {
      await compactVerify(token.text, key.key, { algorithms: [token.alg] })
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) throw cause
      throw invalid('The signature of this token is not right.')
    } finally {
      turns.leave()
    }
    const proof: Proof = { source, key, ...principalOf(issuer, token, Date.now()) }
    // The keys may have changed while it was checked.
    if (!source.holds(key)) throw invalid('This token is signed with a key that its issuer does not have any more.')
    proofs.set(proof.principal, proof)
    remembered.set(digest, proof)
    return proof.principal
  }

  const refresh = async (): Promise<void> => {
    await Promise.all([...known.values()].map(({ source }) => source.refresh()))
  }
  void refresh()

  return {
    prove: (text) => {
      if (text.length > TOKEN_MAX) throw invalid(`This token is longer than ${TOKEN_MAX} characters.`)
      const digest = hash('sha256', text, 'base64url')
      const before = remembered.get(digest)
      if (before !== undefined && good(before, Date.now())) return before.principal
      const other = underway.get(digest)
      if (other !== undefined) return other
      const token = readToken(text)
      const one = known.get(token.iss)
      if (one === undefined) throw invalid('The issuer of this token (iss) is none that is taken here.')
      if (!one.issuer.algorithms.includes(token.alg)) {
        throw invalid('This token is signed in a way (alg) that is not taken of its issuer.')
      }
      const work = prove(digest, token, one).finally(() => underway.delete(digest))
      underway.set(digest, work)
      return work
    },
    stands: (principal) => {
      const proof = proofs.get(principal)
      return proof !== undefined && good(proof, Date.now())
    },
    names: (principal) => proofs.get(principal)?.names ?? [],
    refresh,
    close: () => {
      for (const { source } of known.values()) source.close()
    },
  }
}

function crowded(): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_OVERLOADED',
    'Too many tokens of this issuer are being proved at the moment. Send the call again.',
    { detail: { retry_after_seconds: 1 } },
  )
}
