import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { CustomhouseError } from '../core/errors.ts'
import type { AuditDraft, Ledger } from '../core/record.ts'
import {
  fileStore,
  kindOf,
  openRevocations,
  type RevocationEvent,
  type RevocationStore,
  type Revocations,
  type Revoked,
  redisStore,
} from '../identity/revocation/index.ts'
import { errorFacts } from './log.ts'

type Settings = NonNullable<Config['identity']['revocation']>

/** More than so many names at once are one record: a list that is read for the first time may have a hundred thousand. */
const RECORDS_AT_ONCE = 100

/** Where the list is shared. `password`: revealed, null for none. */
export function revocationStore({ store }: Pick<Settings, 'store'>, password: string | null): RevocationStore {
  return 'file' in store ? fileStore(store.file) : redisStore({ url: store.redis, user: store.user, password })
}

/** Opens the list of what is revoked. Where it cannot be looked at the gateway starts all the same, and answers 503 until it can. */
export function watchRevocations(settings: Settings, ledger: Ledger, log: Logger): Promise<Revocations> {
  const { store, everyMs, staleAfterMs } = settings
  const password = 'redis' in store ? (store.password?.reveal() ?? null) : null
  return openRevocations({
    store: revocationStore(settings, password),
    everyMs,
    staleAfterMs,
    report: (event) => tell(event, ledger, log),
  })
}

function tell(event: RevocationEvent, ledger: Ledger, log: Logger): void {
  if (event.kind === 'lost') {
    log.error(errorFacts(event.error), LOST)
    return
  }
  if (event.kind === 'found') {
    log.info({ generation: event.generation }, 'the list of what is revoked can be looked at again')
    return
  }
  const { names, generation } = event
  log.warn({ revoked: names.length, generation }, 'revoked credentials are refused from now on')
  const drafts =
    event.first || names.length > RECORDS_AT_ONCE
      ? [draftOfAll(names, generation)]
      : names.map((one) => draftOf(one, generation))
  for (const draft of drafts) {
    ledger.append(draft).catch((error: CustomhouseError) => {
      log.error(errorFacts(error), 'a revocation is in force, and could not be recorded')
    })
  }
}

const LOST =
  'the list of what is revoked cannot be looked at; the last good one stands until identity.revocation.stale_after, then every call is refused (503)'

/** The name of a subject is personal, and so is what somebody wrote about it. */
function draftOf({ name, at, until, why }: Revoked, generation: number): AuditDraft {
  return {
    kind: 'identity.revoked',
    tenant: '_gateway',
    call: null,
    body: { credential: kindOf(name), generation, revoked_at: at, ...(until === undefined ? {} : { until }) },
    personal: { name, ...(why === undefined ? {} : { why }) },
  }
}

/** Many at once: how many, and a digest of their names in order, against which a copy of the list can be held. */
function draftOfAll(names: readonly Revoked[], generation: number): AuditDraft {
  const digest = createHash('sha256')
  for (const name of names.map((one) => one.name).sort()) digest.update(`${name}\n`)
  return {
    kind: 'identity.revoked',
    tenant: '_gateway',
    call: null,
    body: { credential: 'many', generation, names: names.length, digest: `sha256:${digest.digest('hex')}` },
  }
}
