import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { inspect } from 'node:util'

/** A secret that prints as `[secret]` wherever it is written by accident; `reveal` is the only way to it. */
export type Secret = Readonly<{
  /** As the configuration names it: `${env:NAME}` or `${file:/path}`. Not secret. */
  reference: string
  reveal(): string
  toString(): string
  toJSON(): string
}>

export function makeSecret(reference: string, value: string): Secret {
  const mask = () => '[secret]'
  return Object.freeze({ reference, reveal: () => value, toString: mask, toJSON: mask, [inspect.custom]: mask })
}

export type Reference = Readonly<{ from: 'env'; name: string } | { from: 'file'; path: string }>

const REFERENCE = /^\$\{(?:env:([A-Za-z_][A-Za-z0-9_]*)|file:([^${}\0]+))\}$/

/** Reads `${env:NAME}` or `${file:/path}`; null for anything else. */
export function parseReference(text: string): Reference | null {
  const match = REFERENCE.exec(text)
  if (match?.[1] !== undefined) return { from: 'env', name: match[1] }
  return match?.[2] === undefined ? null : { from: 'file', path: match[2] }
}

export type Environment = Readonly<Record<string, string | undefined>>
export type Resolved = Readonly<{ ok: true; secret: Secret } | { ok: false; message: string }>

const SECRET_FILE_MAX_BYTES = 64 * 1024

/** Resolves a reference, or says in words without the value why it cannot be. `folder` is what relative paths start from. */
export function resolveSecret(text: string, env: Environment, folder: string, form: 'word' | 'pem' = 'word'): Resolved {
  const reference = parseReference(text)
  if (reference === null) return { ok: false, message: 'is not a reference' }
  const read = reference.from === 'env' ? fromEnvironment(reference.name, env) : fromFile(reference.path, folder)
  if (!read.ok) return read
  const source = reference.from === 'env' ? `environment variable ${reference.name}` : `file ${reference.path}`
  if (form === 'pem') {
    return /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(read.value)
      ? { ok: true, secret: makeSecret(text, read.value) }
      : { ok: false, message: `${source} holds no private key in PEM` }
  }
  // It goes into a header: one line break in it would be a header of its own.
  if (!/^[\x21-\x7e]+$/.test(read.value)) {
    return { ok: false, message: `${source} holds spaces, line breaks or characters that no HTTP header can carry` }
  }
  return { ok: true, secret: makeSecret(text, read.value) }
}

type Read = Readonly<{ ok: true; value: string } | { ok: false; message: string }>

function fromEnvironment(name: string, env: Environment): Read {
  const value = env[name]
  if (value === undefined) return { ok: false, message: `environment variable ${name} is not set` }
  if (value.trim() === '') return { ok: false, message: `environment variable ${name} is empty` }
  return { ok: true, value: value.trim() }
}

function fromFile(path: string, folder: string): Read {
  try {
    const absolute = isAbsolute(path) ? path : resolve(folder, path)
    if (statSync(absolute).size > SECRET_FILE_MAX_BYTES)
      return { ok: false, message: `file ${path} is too large for a secret` }
    const value = readFileSync(absolute, 'utf8').trim()
    return value === '' ? { ok: false, message: `file ${path} is empty` } : { ok: true, value }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { ok: false, message: `file ${path} cannot be read (${code})` }
  }
}

/** Prefixes that only keys and tokens have. */
const SECRET_PREFIX =
  /(?:^|[^A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{20,}|chk_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{16,}|glpat-[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}|-----BEGIN )/

export function hasSecretPrefix(text: string): boolean {
  return SECRET_PREFIX.test(text)
}

/**
 * Whether a text looks like a secret itself: a prefix that only keys have, 32 or more hexadecimal digits, or a run of 32 or more
 * characters with both cases and digits at 4 bits of entropy a character and more (random base62 of that length has 4.4 and more; names of
 * models and hosts stay below, or in one case).
 */
export function looksSecret(text: string): boolean {
  if (text.length > 4096 || hasSecretPrefix(text)) return true
  for (const run of text.match(/[A-Za-z0-9+=]{32,}/g) ?? []) {
    if (/^[0-9a-f]+$/i.test(run) && /[0-9]/.test(run) && /[a-f]/i.test(run)) return true
    if (/[a-z]/.test(run) && /[A-Z]/.test(run) && /[0-9]/.test(run) && entropy(run) >= 4) return true
  }
  return false
}

/** Shannon entropy, bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
