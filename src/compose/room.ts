import type { Logger } from 'pino'
import { type LedgerOptions, type Opened, openLedgerWhenRoom } from '../audit/open.ts'
import type { CustomhouseError } from '../core/errors.ts'
import { errorFacts } from './log.ts'
import type { Standing } from './standing.ts'

/** How often the log says again what is waited for. */
const SAY_EVERY_MS = 60_000

/**
 * Opens the ledger, however long its volume, or that of the keys, has no room: an exit would be a restart loop. The probes and the log say what is waited for. `signal`
 * ends the waiting; whatever else is wrong ends the start.
 */
export function openWithRoom(
  options: LedgerOptions,
  standing: Standing,
  signal: AbortSignal,
  log: Logger,
): Promise<Opened> {
  let said = Number.NEGATIVE_INFINITY
  const waiting = (error: CustomhouseError): void => {
    const volume = error.detail.volume === 'keys' ? 'the volume of the keys folder' : "the ledger's volume"
    standing.starting = `${volume} has no room: make some, and the start goes on`
    if (performance.now() - said < SAY_EVERY_MS) return
    said = performance.now()
    log.error(errorFacts(error), `the start waits for room on ${volume}`)
  }
  return openLedgerWhenRoom(options, { waiting, signal })
}
