import { createHash } from 'node:crypto'
import type { Principal } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Presented, Proved } from '../core/port.ts'
import { proveKey } from './bearer.ts'
import { type Accepted, type Credential, credentialOf } from './credential.ts'
import { NO_KEYS, type Ring, revoked, ringOf, stands } from './ring.ts'
import { proveSignature } from './sigv4.ts'
import { readStore } from './store.ts'

export type KeysEvent = Readonly<
  | { kind: 'loaded'; keys: number }
  /** The store could not be read; the last good one still stands. */
  | { kind: 'rejected'; error: CustomhouseError }
>

export type KeysOptions = Readonly<{
  /** The store, `gateway-keys.json` in the folder of keys; the pepper lies beside it. */
  file: string
  /** What is taken: keys, signatures made with their pairs, or both. Default: keys alone. */
  accepted?: Accepted
  /** How often the content of the store is compared. Default 1000. */
  pollMs?: number
  report?: (event: KeysEvent) => void
}>

export type KeyCredential = Extract<Credential, Readonly<{ kind: 'key' | 'signature' }>>

export type GatewayKeys = Readonly<{
  /** As {@link Authenticator}, at once. */
  authenticate(presented: Presented): Proved
  /** Who a credential that was told from others before proves. Must throw as {@link Authenticator} does. */
  prove(presented: Presented, credential: KeyCredential): Proved
  stands(principal: Principal): boolean
  /** As {@link Authenticator}. */
  revoked(principal: Principal): boolean
  close(): void
  refresh(): Promise<void>
}>

/**
 * Proves gateway keys, and signatures made with their pairs, against the store, which is read again when its content changes: what `customhouse keys` does is in
 * force within a poll. Without a store nobody is let in until one is made. Must throw ERR_KEYS_STORE when the store that is there cannot be read at
 * start; a store that is damaged later is reported, and the last good one stands.
 */
export async function openKeys(options: KeysOptions): Promise<GatewayKeys> {
  const { file, accepted = { gatewayKeys: true, sigv4: false }, report = () => undefined } = options
  let seen = ''
  let ring: Ring = NO_KEYS
  let reading: Promise<void> | null = null

  const load = async (): Promise<void> => {
    const bytes = await readStore(file)
    if (bytes === null && ring.keys.size > 0) throw new CustomhouseError('ERR_KEYS_STORE', `${file} has vanished.`)
    const digest = bytes === null ? 'none' : createHash('sha256').update(bytes).digest('hex')
    if (digest === seen) return
    ring = bytes === null ? NO_KEYS : await ringOf(file, bytes)
    seen = digest
    report({ kind: 'loaded', keys: ring.keys.size })
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

  const prove: GatewayKeys['prove'] = (presented, credential) =>
    credential.kind === 'key'
      ? { principal: proveKey(ring, credential.key, Date.now()), confirm: null }
      : proveSignature(() => ring, presented, credential.authorization)

  return {
    authenticate: (presented) => {
      const credential = credentialOf(presented, { gatewayKeys: accepted.gatewayKeys, sigv4: accepted.sigv4 })
      if (credential.kind === 'key' || credential.kind === 'signature') return prove(presented, credential)
      throw new CustomhouseError('ERR_IDENTITY_MISSING', 'This call carries no gateway key.')
    },
    prove,
    stands: (principal) => stands(ring, principal, Date.now()),
    revoked: (principal) => revoked(ring, principal),
    refresh,
    close: () => clearInterval(timer),
  }
}
