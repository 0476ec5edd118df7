import type { X509Certificate } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { CustomhouseError } from '../core/errors.ts'
import type { PeerCertificate } from '../core/port.ts'
import type { Inbound } from './exchange.ts'

/**
 * What a connection has shown of its client in the handshake. `refused` is why a certificate does not count: its calls are refused for it, since a bad certificate must not pass
 * for none.
 */
type Peer = {
  readonly certificate: PeerCertificate
  readonly chain: readonly X509Certificate[]
  refused: string | null
}

/** By what a call knows of its connection: the socket over HTTP/1.1, the session over HTTP/2. Headers never count. */
const PEERS = new WeakMap<Socket | ServerHttp2Session, Peer>()

/** OIDs of RFC 5280 4.2.1.12. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** A root is its own issuer. */
const LONGEST_CHAIN = 10

/** Remembers the certificate that a handshake ended with, if it has one. Returns whether it has. */
export function meet(socket: TLSSocket): boolean {
  const leaf = socket.getPeerX509Certificate()
  // A resumed session without a certificate is `authorized` to node:tls: only the certificate itself counts.
  if (leaf === undefined) return false
  const peer: Peer = { certificate: read(leaf), chain: chainOf(leaf), refused: null }
  peer.refused = socket.authorized ? unfit(leaf) : whyNot(socket.authorizationError)
  PEERS.set(socket, peer)
  return true
}

/** A session over a socket has its peer. */
export function follow(session: ServerHttp2Session, socket: Socket): void {
  const peer = PEERS.get(socket)
  if (peer !== undefined) PEERS.set(session, peer)
}

/**
 * Looks again at a connection when the CAs were renewed. Where what was shown does not lead to one of them its calls are refused from now on: a resumed session shows no
 * certificate between its own and the CA, and has to connect anew.
 */
export function meetAgain(socket: Socket, authorities: readonly X509Certificate[]): void {
  const peer = PEERS.get(socket)
  if (peer === undefined || peer.refused !== null) return
  if (peer.chain.some((one) => authorities.some((ca) => one.fingerprint256 === ca.fingerprint256 || isBy(one, ca))))
    return
  peer.refused = 'the CAs were renewed since, and none of them is known to have issued it: connect anew'
}

/**
 * The certificate that a call's connection has shown, the same object for all of its calls; null for none.
 * @throws CustomhouseError ERR_IDENTITY_INVALID for one that does not count
 */
export function certificateOf(request: Inbound): PeerCertificate | null {
  const at = request instanceof IncomingMessage ? request.socket : request.stream.session
  const peer = at === undefined ? undefined : PEERS.get(at as Socket | ServerHttp2Session)
  if (peer === undefined) return null
  if (peer.refused === null) return peer.certificate
  throw new CustomhouseError('ERR_IDENTITY_INVALID', `The client certificate is not accepted: ${peer.refused}.`)
}

const isBy = (certificate: X509Certificate, ca: X509Certificate): boolean =>
  certificate.checkIssued(ca) && certificate.verify(ca.publicKey)

/** From the client's own upwards, as far as the handshake told. Node goes by names alone; here each must have signed the one before. */
function chainOf(leaf: X509Certificate): readonly X509Certificate[] {
  const chain = [leaf]
  let at = leaf
  while (at.issuerCertificate?.ca === true && isBy(at, at.issuerCertificate) && chain.length < LONGEST_CHAIN) {
    at = at.issuerCertificate
    chain.push(at)
  }
  return chain
}

/** OpenSSL has looked at chain, time and the uses that are named; without any named a certificate would be good for everything. */
function unfit(leaf: X509Certificate): string | null {
  if (leaf.ca) return 'it is that of a CA'
  if (!(leaf.keyUsage ?? []).includes(CLIENT_AUTH)) return 'its extended key usage does not name clientAuth'
  return namesOf(leaf) === null ? 'a name in its subject alternative name cannot be told for certain' : null
}

function read(leaf: X509Certificate): PeerCertificate {
  const { uris, dns } = namesOf(leaf) ?? { uris: [], dns: [] }
  return Object.freeze({
    uris: Object.freeze(uris),
    dns: Object.freeze(dns),
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    serial: leaf.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
    validTo: leaf.validToDate.getTime(),
  })
}

/** Node writes names one after the other, and quotes what could be taken for more than one (CVE-2021-44532): where anything is quoted, nothing is read. */
function namesOf({ subjectAltName }: X509Certificate): { uris: string[]; dns: string[] } | null {
  const names: { uris: string[]; dns: string[] } = { uris: [], dns: [] }
  if (subjectAltName === undefined) return names
  if (subjectAltName.includes('"')) return null
  for (const name of subjectAltName.split(', ')) {
    if (name.startsWith('URI:')) names.uris.push(name.slice(4))
    else if (name.startsWith('DNS:')) names.dns.push(name.slice(4))
  }
  return names
}

const WHY: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it, or one that it is issued by, has expired',
  CERT_NOT_YET_VALID: 'it, or one that it is issued by, is not valid yet',
  INVALID_PURPOSE: 'its extended key usage does not name clientAuth, or its key usage no signatures',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed, and no CA that is known here has issued it',
}

/** In words of ours: who is not known need not hear what is. */
function whyNot(error: Error | string | null | undefined): string {
  const code = typeof error === 'string' ? error : error instanceof Error && 'code' in error ? String(error.code) : ''
  return WHY[code] ?? 'no CA that is known here has issued it, or its chain is not whole'
}
