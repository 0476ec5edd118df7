import { createHash, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Authenticator } from '../core/port.ts'
import { credentialOf } from './credential.ts'
import { readKeyId } from './key.ts'
import { hashKey, readPeppers } from './pepper.ts'
import { parseStore, pepperOf, readStore } from './store.ts'

export type KeysEvent = Readonly<
  | { kind: 'loaded'; keys: number }
  /** The store could not be read; the last good one still stands. */
  | { kind: 'rejected'; error: CustomhouseError }
>

export type KeysOptions = Readonly<{
  /** The store, `gateway-keys.json` in the folder of keys; the pepper lies beside it. */
  file: string
  /** How often the content of the store is compared. Default 1000. */
  pollMs?: number
  report?: (event: KeysEvent) => void
}>

export type GatewayKeys = Authenticator & Readonly<{ close(): void; refresh(): Promise<void> }>

type Secret = Readonly<{ pepper: KeyObject; hmac: Buffer; ends: number; principal: Principal }>
type Key = Readonly<{ secrets: readonly Secret[]; expires: number; revoked: boolean; principal: Principal }>
type Keys = ReadonlyMap<string, Key>

/** Hashed with and compared against when an id is unknown. */
const NOBODY = createSecretKey(randomBytes(32))
const NO_HMAC = randomBytes(32)

/** Which secret proved a principal: so that a wait does not outlive the secret, though its key has another one. */
const PROOFS = new WeakMap<Principal, Buffer>()

/**
 * Proves gateway keys against the store, which is read again when its content changes: what `customhouse keys` does is in force within a poll.
 * Without a store nobody is let in until one is made. Must throw ERR_KEYS_STORE when the store that is there cannot be read at start; a store
 * that is damaged later is reported, and the last good one stands.
 */
export async function openKeys(options: KeysOptions): Promise<GatewayKeys> {
  const { file, report = () => undefined } = options
  let seen = ''
  let keys = new Map() as Keys
  let reading: Promise<void> | null = null

  const load = async (): Promise<void> => {
    const bytes = await readStore(file)
    if (bytes === null && keys.size > 0) throw new CustomhouseError('ERR_KEYS_STORE', `${file} has vanished.`)
    const digest = bytes === null ? 'none' : createHash('sha256').update(bytes).digest('hex')
    if (digest === seen) return
    keys = bytes === null ? new Map() : await keysOf(file, bytes)
    seen = digest
    report({ kind: 'loaded', keys: keys.size })
  }
  await load()

  let reported = ''
  const refresh = (): Promise<void> => {
    reading ??= load()
      .then(() => {
        reported = ''
      })
      .catch((cause: unknown) => {
        const error = isCustomhouseError(cause)
          ? cause
          : new CustomhouseError('ERR_KEYS_STORE', `${file} cannot be read.`, { cause })
        if (error.message !== reported) report({ kind: 'rejected', error })
        reported = error.message
      })
      .finally(() => {
        reading = null
      })
    return reading
  }
  const timer = setInterval(refresh, options.pollMs ?? 1000)
  timer.unref()

  return {
    authenticate: ({ proof }) => ({ principal: prove(keys, credentialOf(proof), Date.now()), confirm: null }),
    stands: (principal) => stands(keys, principal, Date.now()),
    refresh,
    close: () => clearInterval(timer),
  }
}

async function keysOf(file: string, bytes: Uint8Array): Promise<Keys> {
  const store = parseStore(file, bytes)
  const peppers = await readPeppers(pepperOf(file))
  const keys = new Map<string, Key>()
  for (const key of store.keys) {
    const principal = (): Principal =>
      Object.freeze({ subject: key.subject, tenant: key.tenant, groups: Object.freeze([...key.groups]), keyId: key.id })
    const secrets = key.secrets.map((secret): Secret => {
      const pepper = peppers?.byVersion.get(secret.pepper)
      if (pepper === undefined) {
        throw new CustomhouseError(
          'ERR_KEYS_STORE',
          `${pepperOf(file)} lacks the version ${secret.pepper}: restore it from a backup.`,
        )
      }
      const ends = secret.ends === undefined ? Number.POSITIVE_INFINITY : Date.parse(secret.ends)
      const [hmac, proved] = [Buffer.from(secret.hmac, 'base64url'), principal()]
      PROOFS.set(proved, hmac)
      return { pepper, hmac, ends, principal: proved }
    })
    const expires = key.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at)
    keys.set(key.id, { secrets, expires, revoked: key.revoked_at !== undefined, principal: principal() })
  }
  return keys
}

function prove(keys: Keys, credential: string, now: number): Principal {
  const id = readKeyId(credential)
  if (id === null) throw malformed(credential)
  const key = keys.get(id)
  const proved = provedBy(credential, key?.secrets ?? [])
  if (key === undefined || proved === null)
    throw new CustomhouseError('ERR_IDENTITY_INVALID', 'This gateway key is not known.')
  // From here on the caller holds a secret that we gave out: it may hear why it is not accepted any more.
  if (key.revoked) throw new CustomhouseError('ERR_IDENTITY_INVALID', `Gateway key ${id} has been revoked.`)
  if (key.expires <= now) throw new CustomhouseError('ERR_IDENTITY_INVALID', `Gateway key ${id} has expired.`)
  if (proved.ends <= now) {
    throw new CustomhouseError(
      'ERR_IDENTITY_INVALID',
      `Gateway key ${id} was rotated, and the time of its old secret is over.`,
    )
  }
  return proved.principal
}

/** One hash in all usual cases, an unknown id's included: nothing can be told from the time that it took. */
function provedBy(credential: string, secrets: readonly Secret[]): Secret | null {
  let pepper = secrets[0]?.pepper ?? NOBODY
  let hmac = hashKey(credential, pepper)
  let proved: Secret | null = null
  for (const secret of secrets) {
    if (secret.pepper !== pepper) [pepper, hmac] = [secret.pepper, hashKey(credential, secret.pepper)]
    if (timingSafeEqual(hmac, secret.hmac)) proved = secret
  }
  if (secrets.length === 0) timingSafeEqual(hmac, NO_HMAC)
  return proved
}

function stands(keys: Keys, principal: Principal, now: number): boolean {
  const key = keys.get(principal.keyId)
  if (key === undefined || key.revoked || key.expires <= now) return false
  const same = key.principal
  if (same.subject !== principal.subject || same.tenant !== principal.tenant) return false
  if (same.groups.length !== principal.groups.length || same.groups.some((group, i) => group !== principal.groups[i]))
    return false
  const proof = PROOFS.get(principal)
  return key.secrets.some((secret) => secret.ends > now && (proof === undefined || secret.hmac.equals(proof)))
}

function malformed(credential: string): CustomhouseError {
  if (!credential.startsWith('chk_')) {
    return new CustomhouseError(
      'ERR_IDENTITY_INVALID',
      "This is no gateway key: those begin with chk_. A provider's own key is not accepted here.",
    )
  }
  return new CustomhouseError(
    'ERR_IDENTITY_INVALID',
    'This gateway key has a typing error: its check characters do not fit. Copy it again.',
  )
}
