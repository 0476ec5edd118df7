import type { Principal } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Authenticator, Presented, Proved } from '../core/port.ts'
import type { GatewayKeys } from './authenticator.ts'
import type { Certificates } from './certificate.ts'
import { type Accepted, type Credential, credentialOf } from './credential.ts'
import type { Tokens } from './token/index.ts'

/** What is revoked, as this gateway knows it. */
export interface Revocable {
  /** Whether none of these names is on the list. */
  stands(names: readonly string[]): boolean
  /** Whether the list is known to be the newest, within its time. */
  fresh(): boolean
}

export type Proofs = Readonly<{
  keys: GatewayKeys
  /** What of `keys` is taken. */
  accepted: Pick<Accepted, 'gatewayKeys' | 'sigv4'>
  tokens: Tokens | null
  certificates: Certificates | null
  revocations: Revocable | null
}>

/** A certificate beside another credential: both must stand. */
type Pair = Readonly<{ own: Principal; beside: Principal }>

/**
 * All proofs as one. A call has exactly one credential in its headers, or none and a certificate. A certificate beside a credential must be of the same tenant:
 * the credential says who calls, the certificate from where it may be used.
 */
export function createAuthenticator({ keys, accepted, tokens, certificates, revocations }: Proofs): Authenticator {
  const taken: Accepted = { ...accepted, tokens: tokens !== null, certificates: certificates !== null }
  const pairs = new WeakMap<Principal, Pair>()

  const namesOf = (principal: Principal): readonly string[] => {
    if (principal.proof === 'token') return tokens?.names(principal) ?? []
    if (principal.proof !== 'certificate') return [`key:${principal.keyId}`, `subject:key ${principal.subject}`]
    return certificates?.names(principal) ?? []
  }
  const refuseRevoked = (principal: Principal): void => {
    if (revocations === null) return
    if (!revocations.fresh()) throw unavailable()
    if (!revocations.stands(namesOf(principal))) throw invalid('This credential has been revoked.')
  }
  const proveAlone = (presented: Presented, credential: Credential): Proved | Promise<Proved> => {
    if (credential.kind === 'key' || credential.kind === 'signature') return keys.prove(presented, credential)
    if (credential.kind === 'token') {
      const principal = tokens?.prove(credential.token)
      if (principal === undefined) throw invalid('Tokens are not taken here (identity.jwt).')
      return principal instanceof Promise ? principal.then(atOnce) : atOnce(principal)
    }
    const { certificate } = presented
    if (certificate === null || certificates === null) throw invalid('Client certificates are not taken here.')
    return atOnce(certificates.prove(certificate))
  }
  /** Holds the certificate of the connection against who was proved. */
  const join = (proved: Proved, presented: Presented, credential: Credential): Proved => {
    const beside =
      presented.certificate === null || certificates === null || credential.kind === 'certificate'
        ? null
        : certificates.prove(presented.certificate)
    if (beside !== null) refuseRevoked(beside)
    const check = (own: Principal): void => {
      refuseRevoked(own)
      if (beside !== null && beside.tenant !== own.tenant) {
        throw invalid('The client certificate of this connection and the credential of this call are of two tenants.')
      }
    }
    const { confirm } = proved
    if (confirm === null || proved.head === 'proved') check(proved.principal)
    const principal = beside === null ? proved.principal : Object.freeze({ ...proved.principal })
    if (beside !== null) pairs.set(principal, { own: proved.principal, beside })
    if (confirm === null) return beside === null ? proved : { principal, confirm: null }
    return {
      principal,
      head: proved.head,
      confirm: (body) => {
        confirm(body)
        check(proved.principal)
      },
    }
  }
  const proofStands = (principal: Principal): boolean => {
    if (principal.proof === 'certificate') return certificates?.stands(principal) ?? false
    return principal.proof === 'token' ? (tokens?.stands(principal) ?? false) : keys.stands(principal)
  }
  const standsAlone = (principal: Principal): boolean => {
    // What is known to be over is over, whoever else cannot be asked.
    if (revocations !== null && !revocations.stands(namesOf(principal))) return false
    if (!proofStands(principal)) return false
    if (revocations !== null && !revocations.fresh()) throw unavailable()
    return true
  }
  const revokedAlone = (principal: Principal): boolean => {
    // Fresh or not: what was on the list when it could be read last is revoked.
    if (revocations !== null && !revocations.stands(namesOf(principal))) return true
    return (principal.proof === 'key' || principal.proof === 'signature') && keys.revoked(principal)
  }

  return {
    authenticate: (presented) => {
      // Before anything is looked at: who is revoked cannot be told from who is not.
      if (revocations !== null && !revocations.fresh()) throw unavailable()
      const credential = credentialOf(presented, taken)
      const proved = proveAlone(presented, credential)
      if (proved instanceof Promise) return proved.then((one) => join(one, presented, credential))
      return revocations === null && presented.certificate === null ? proved : join(proved, presented, credential)
    },
    stands: (principal) => {
      const pair = pairs.get(principal)
      return pair === undefined ? standsAlone(principal) : standsAlone(pair.own) && standsAlone(pair.beside)
    },
    revoked: (principal) => {
      const pair = pairs.get(principal)
      return pair === undefined ? revokedAlone(principal) : revokedAlone(pair.own) || revokedAlone(pair.beside)
    },
  }
}

const atOnce = (principal: Principal): Proved => ({ principal, confirm: null })

function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_INVALID', message)
}

function unavailable(): CustomhouseError {
  return new CustomhouseError(
    'ERR_IDENTITY_UNAVAILABLE',
    'The list of revoked credentials cannot be read at the moment, so nobody can tell whether this one is good.',
    { detail: { retry_after_seconds: 1 } },
  )
}
