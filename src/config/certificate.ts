import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Issue, Path } from './issue.ts'
import { holdsCertificate } from './rule.ts'
import type { Secret } from './secret.ts'
import { leaves } from './shape.ts'
import type { RawMap } from './source.ts'

const FILE_MAX_BYTES = 1_048_576
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

type Read = Readonly<{ ok: true; text: string } | { ok: false; message: string }>

/**
 * What is wrong with the files of certificates, told with everything else. Who uses them reads them again, and judges for itself: they may change
 * in between. `secret` is the private key at a path, null where there is none or it has been reported.
 */
export function certificates(
  raw: RawMap,
  absolute: (path: Path, text: string) => string,
  secret: (path: Path) => Secret | null,
): Issue[] {
  return [...leaves(raw)].flatMap(([path, text]): Issue[] => {
    if (!holdsCertificate(path) || typeof text !== 'string' || text === '') return []
    const read = fromFile(text, absolute(path, text))
    if (!read.ok) return [{ path, message: read.message }]
    const at = [...path.slice(0, -1), 'key']
    const key = path.at(-1) === 'cert' ? secret(at) : null
    // OpenSSL's own words could show what the file holds.
    if (key === null || works(() => createSecureContext({ cert: read.text, key: key.reveal() }))) return []
    return [
      { path: at, message: `cannot be read without a password, or is not that of the first certificate in ${text}` },
    ]
  })
}

function fromFile(name: string, path: string): Read {
  try {
    if (statSync(path).size > FILE_MAX_BYTES) return { ok: false, message: `file ${name} is larger than 1 MiB` }
    const text = readFileSync(path, 'utf8')
    const blocks = text.match(CERTIFICATE) ?? []
    const whole = blocks.length > 0 && blocks.length === text.split('-----BEGIN').length - 1
    // OpenSSL passes over what it cannot read, so each block is read by itself.
    if (whole && works(() => blocks.map((block) => new X509Certificate(block)))) return { ok: true, text }
    return { ok: false, message: `file ${name} must hold whole certificates in PEM, and nothing else in PEM` }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { ok: false, message: `file ${name} cannot be read (${code})` }
  }
}

function works(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
