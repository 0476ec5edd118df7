import type { Principal } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { PeerCertificate } from '../core/port.ts'

/** What a subject of `identity.mtls.subjects` stands for. */
export type CertificateSubject = Readonly<{ tenant: string; groups: readonly string[]; purpose: string | null }>

/** Proves callers by the certificate that they showed in the TLS handshake. */
export type Certificates = Readonly<{
  /** At once. Must throw ERR_IDENTITY_INVALID where the certificate names none of the subjects, more than one, or is over. */
  prove(certificate: PeerCertificate): Principal
  /** Whether the certificate is still within its time. A principal of another proof never stands. */
  stands(principal: Principal): boolean
  /** What the principal can be revoked by: `certificate:<fingerprint>`, `subject:certificate <subject>`. None for another's. */
  names(principal: Principal): readonly string[]
}>

type Proof = Readonly<{ validTo: number; names: readonly string[] }>

/** 64 bits: it tells certificates apart in records, and proves nothing. */
const KEY_ID_LENGTH = 16

/**
 * @param subjects by URI or DNS name of the subject alternative name, compared to the letter. The common name counts for nothing (RFC 9525 2).
 */
export function openCertificates(subjects: ReadonlyMap<string, CertificateSubject>): Certificates {
  // A connection shows one certificate, which is one object for all of its calls.
  const proved = new WeakMap<PeerCertificate, Principal>()
  const proofs = new WeakMap<Principal, Proof>()

  const principalOf = (certificate: PeerCertificate): Principal => {
    const subject = subjectOf(certificate, subjects)
    const { tenant, groups, purpose } = subjects.get(subject) ?? never(subject)
    const principal: Principal = Object.freeze({
      subject,
      tenant,
      groups: Object.freeze([...groups]),
      purpose,
      proof: 'certificate' as const,
      keyId: certificate.fingerprint.slice(0, KEY_ID_LENGTH),
    })
    proofs.set(principal, {
      validTo: certificate.validTo,
      names: Object.freeze([`certificate:${certificate.fingerprint}`, `subject:certificate ${subject}`]),
    })
    return principal
  }

  return {
    prove: (certificate) => {
      // The handshake looked at its time, once: a connection may outlive it.
      if (!(certificate.validTo > Date.now())) throw invalid('The client certificate has expired.')
      const known = proved.get(certificate)
      if (known !== undefined) return known
      const principal = principalOf(certificate)
      proved.set(certificate, principal)
      return principal
    },
    stands: (principal) => (proofs.get(principal)?.validTo ?? 0) > Date.now(),
    names: (principal) => proofs.get(principal)?.names ?? [],
  }
}

/** The one subject that a certificate names, its URIs before its DNS names. */
function subjectOf({ uris, dns }: PeerCertificate, subjects: ReadonlyMap<string, unknown>): string {
  // X.509-SVID 2: a SPIFFE id stands alone among URIs.
  if (uris.length > 1 && uris.some((uri) => uri.toLowerCase().startsWith('spiffe:'))) {
    throw invalid('The client certificate names a SPIFFE id and a further URI: it must name one alone.')
  }
  // A URI has a colon and a DNS name has none: a CA that is bound to some DNS names could else write any of them as a URI.
  const named = [...uris.filter((uri) => uri.includes(':')), ...dns.filter((name) => !name.includes(':'))]
  const matching = new Set(named.filter((name) => subjects.has(name)))
  const [subject] = matching
  if (subject === undefined) {
    throw invalid('The client certificate names nobody who is known here (identity.mtls.subjects).')
  }
  if (matching.size > 1) {
    throw invalid('The client certificate names more than one of those who are known here: it must name one alone.')
  }
  return subject
}

function never(subject: string): never {
  throw new Error(`${subject} matched, and is not there`)
}

function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_INVALID', message)
}
