import { createSecretKey, generateKeyPairSync, hash, type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { makeDirectory, writeAtomically } from './files.ts'
import { makeSigner, type Signer } from './note.ts'

/** Private key of the checkpoints: PKCS #8 PEM. */
export const SIGNING_KEY_FILE = 'ledger.pem'
/** Its verifier key, to be given to auditors. */
export const VERIFIER_KEY_FILE = 'ledger.vkey'
/** Folder of the content keys: a file for each tenant and month. Destroying a file erases what it sealed. */
export const CONTENT_KEYS = 'content'
const SUFFIX = '.key'

/** A content key and its id, which stands in the records that it sealed. */
export type ContentKey = Readonly<{ id: string; key: KeyObject }>

/** Content keys of a folder. `sealing` makes the key of a tenant and month (`YYYY-MM`) if there is none: durable before it is used. */
export type ContentKeys = Readonly<{
  sealing: (tenant: string, month: string) => ContentKey
  /** Null for a key that is not there (any more). */
  opening: (id: string) => KeyObject | null
}>

function failed(what: string, cause: unknown): CustomhouseError {
  return new CustomhouseError('ERR_KEYS_STORE', what, { cause })
}

/** The signer of a log; its key pair is made on first use. Throws ERR_KEYS_STORE. */
export function openSigner(keys: string, log: string): Signer {
  try {
    makeDirectory(keys)
    const file = join(keys, SIGNING_KEY_FILE)
    if (!existsSync(file)) {
      const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
      writeAtomically(keys, SIGNING_KEY_FILE, pem)
    }
    const signer = makeSigner(log, readFileSync(file, 'utf8'))
    const published = join(keys, VERIFIER_KEY_FILE)
    if (!existsSync(published) || readFileSync(published, 'utf8').trim() !== signer.verifier) {
      writeAtomically(keys, VERIFIER_KEY_FILE, `${signer.verifier}\n`, 0o644)
    }
    return signer
  } catch (cause) {
    throw failed(`The ledger's signing key in ${keys} cannot be read or made.`, cause)
  }
}

/** The verifier key that the writer published in the folder, or null. */
export function publishedVerifierKey(keys: string): string | null {
  const file = join(keys, VERIFIER_KEY_FILE)
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null
}

/** How the ids of a tenant's keys of a month begin. */
export function keyPrefix(tenant: string, month: string): string {
  return `${tenantPart(tenant)}.${month}.`
}

/** A tenant's name as part of a file name and of a key id: only characters that need no escape in JSON. */
function tenantPart(tenant: string): string {
  const encoded = encodeURIComponent(tenant)
  return encoded.length <= 120 ? encoded : hash('sha256', tenant)
}

/** Reads the content keys of a folder. With `make: false` the folder may be absent and nothing is written. Throws ERR_KEYS_STORE. */
export function openContentKeys(keys: string, options: { readonly make: boolean }): ContentKeys {
  const folder = join(keys, CONTENT_KEYS)
  const byId = new Map<string, KeyObject>()
  const current = new Map<string, ContentKey>()
  try {
    if (options.make) makeDirectory(folder)
    for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
      if (!file.endsWith(SUFFIX)) continue
      const id = file.slice(0, -SUFFIX.length)
      const bytes = Buffer.from(readFileSync(join(folder, file), 'utf8').trim(), 'base64url')
      if (bytes.length !== 32) throw new Error(`${file} does not hold 32 bytes in base64url.`)
      const key = createSecretKey(bytes)
      byId.set(id, key)
      current.set(id.slice(0, id.lastIndexOf('.')), { id, key })
    }
  } catch (cause) {
    throw failed(`The content keys in ${folder} cannot be read.`, cause)
  }
  return {
    opening: (id) => byId.get(id) ?? null,
    sealing: (tenant, month) => {
      const slot = `${tenantPart(tenant)}.${month}`
      const known = current.get(slot)
      if (known !== undefined) return known
      // The random part keeps the id of a destroyed key from ever standing for another key.
      const made: ContentKey = {
        id: `${slot}.${randomBytes(4).toString('hex')}`,
        key: createSecretKey(randomBytes(32)),
      }
      try {
        writeAtomically(folder, made.id + SUFFIX, `${made.key.export().toString('base64url')}\n`)
      } catch (cause) {
        throw failed(`A content key cannot be written to ${folder}.`, cause)
      }
      current.set(slot, made)
      byId.set(made.id, made.key)
      return made
    },
  }
}
