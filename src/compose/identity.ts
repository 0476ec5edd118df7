import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { IdentityConfig, IssuerConfig, RevocationConfig } from '../config/config.ts'
import type { LoadedConfig } from '../config.ts'
import type { Authenticator } from '../core/port.ts'
import type { Ledger } from '../core/record.ts'
import {
  createAuthenticator,
  type Issuer,
  openCertificates,
  openKeys,
  openTokens,
  STORE_NAME,
  type Tokens,
} from '../identity/index.ts'
import { openRevocations, type Revocations } from '../identity/revocation/index.ts'
import { errorFacts } from './log.ts'
import { recordRevoked, revocationStore } from './revocations.ts'
import type { Undo } from './undo.ts'

/** What proves callers, and whether it can: `ok`, or why every call is 503. */
export type Identity = Readonly<{ authenticator: Authenticator; health: () => string }>

/** Opens all that proves callers, and joins it. What it is opened with is read once: a change of `identity` takes a restart. */
export async function openIdentity(
  loaded: LoadedConfig,
  { ledger, log, undo }: Readonly<{ ledger: Ledger; log: Logger; undo: Undo }>,
): Promise<Identity> {
  const { keys: folder, identity } = loaded.config
  const keys = await openKeys({
    file: join(folder, STORE_NAME),
    accepted: identity,
    report: (event) =>
      event.kind === 'rejected'
        ? log.error(errorFacts(event.error), 'the store of gateway keys was rejected; the last good one stays')
        : log.debug({ keys: event.keys }, 'gateway keys loaded'),
  })
  undo.add('the gateway keys', () => keys.close())
  const tokens = await tokensOf(loaded, identity, log)
  if (tokens !== null) undo.add('the issuers of tokens', () => tokens.close())
  const revocations = await revocationsOf(identity.revocation, ledger, log)
  if (revocations !== null) undo.add('the list of what is revoked', () => revocations.close())
  const authenticator = createAuthenticator({
    keys,
    accepted: identity,
    tokens,
    certificates: identity.mtls === null ? null : openCertificates(identity.mtls),
    revocations,
  })
  const health = () =>
    revocations === null || revocations.fresh()
      ? 'ok'
      : 'the list of what is revoked could not be looked at for too long'
  return { authenticator, health }
}

async function tokensOf(loaded: LoadedConfig, { jwt }: IdentityConfig, log: Logger): Promise<Tokens | null> {
  if (jwt.length === 0) return null
  return openTokens({
    issuers: await Promise.all(jwt.map((one, index) => issuerOf(loaded, one, index))),
    report: (event) => {
      const { issuer } = event
      if (event.kind === 'rejected') {
        log.error(
          { issuer, ...errorFacts(event.error) },
          'the keys of an issuer cannot be had; the last good ones stay',
        )
      } else log.info({ issuer, keys: event.keys, dropped: event.dropped }, 'the keys of an issuer are loaded')
    },
  })
}

async function issuerOf(loaded: LoadedConfig, issuer: IssuerConfig, index: number): Promise<Issuer> {
  if (issuer.ca === null) return { ...issuer, ca: null }
  try {
    return { ...issuer, ca: await readFile(issuer.ca, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw loaded.invalid([{ path: ['identity', 'jwt', index, 'ca'], message: `cannot be read (${code})` }])
  }
}

async function revocationsOf(
  config: RevocationConfig | null,
  ledger: Ledger,
  log: Logger,
): Promise<Revocations | null> {
  if (config === null) return null
  const { store, everyMs, staleAfterMs } = config
  return openRevocations({
    store: revocationStore(config, 'file' in store ? null : (store.password?.reveal() ?? null)),
    everyMs,
    staleAfterMs,
    report: (event) => {
      if (event.kind === 'lost') {
        log.error(errorFacts(event.error), 'the list of what is revoked cannot be read; the last good one stands')
      } else if (event.kind === 'found') {
        log.info({ generation: event.generation }, 'the list of what is revoked can be read again')
      } else void recordRevoked(event, ledger, log)
    },
  })
}
