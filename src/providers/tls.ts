import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { CustomhouseError } from '../core/errors.ts'

/** PEM texts for connections to one provider. */
export type TlsOptions = Readonly<{
  /** To trust instead of Node's own list. */
  ca?: string
  /** Our own certificate with its chain, and its private key: both or neither. */
  cert?: string
  key?: string
}>

/** Paths of files, and the text of the key. */
export type TlsSource = Readonly<{ ca: string | null; cert: string | null; key: string | null }>

const FILE_MAX_BYTES = 1_048_576
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Reads what a provider's `tls` names. `digest` (SHA-256, hex) changes with the content of any of it. Throws ERR_CONFIG_INVALID, with the file's path,
 * for what cannot be read or is no certificate, and for a key that is not the certificate's.
 */
export function readTls(provider: string, source: TlsSource): Readonly<{ options: TlsOptions; digest: string }> {
  const ca = source.ca === null ? null : certificates(provider, 'ca', source.ca)
  const cert = source.cert === null ? null : certificates(provider, 'cert', source.cert)
  const { key } = source
  if (cert !== null && key !== null) requirePair(provider, cert, key, source.cert)
  const options = {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
  }
  return { options, digest: createHash('sha256').update(JSON.stringify(options)).digest('hex') }
}

function certificates(provider: string, member: 'ca' | 'cert', path: string): string {
  const text = read(provider, member, path)
  const blocks = text.match(CERTIFICATE) ?? []
  const bad = invalid(provider, member, `file ${path} must hold whole certificates in PEM, and nothing else in PEM`)
  // OpenSSL passes over what it cannot read, so each block is read by itself first.
  if (blocks.length === 0 || blocks.length !== text.split('-----BEGIN').length - 1) throw bad
  try {
    for (const block of blocks) createSecureContext({ ca: new X509Certificate(block).toString() })
    return text
  } catch {
    throw bad
  }
}

function read(provider: string, member: string, path: string): string {
  try {
    if (statSync(path).size > FILE_MAX_BYTES) throw invalid(provider, member, `file ${path} is larger than 1 MiB`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof CustomhouseError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw invalid(provider, member, `file ${path} cannot be read (${code})`)
  }
}

function requirePair(provider: string, cert: string, key: string, path: string | null): void {
  try {
    createSecureContext({ cert, key })
  } catch {
    throw invalid(provider, 'key', `is no private key, or not that of the first certificate in ${path}`)
  }
}

function invalid(provider: string, member: string, what: string): CustomhouseError {
  return new CustomhouseError('ERR_CONFIG_INVALID', `tls.${member} of provider ${provider}: ${what}.`)
}
