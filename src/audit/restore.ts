import { CustomhouseError } from '../core/errors.ts'
import { type LedgerOptions, type Lost, type Recovered, takeOver } from './takeover.ts'

/** Longest reason, UTF-16 code units. */
export const REASON_MAX = 500

/** A ledger that was accepted with records missing, and closed again. */
export type Restored = Readonly<{ recovered: Recovered; lost: Lost }>

/**
 * Accepts that a log is not the one that was signed last. The gateway must be stopped: the lock is taken. What stands there is recovered
 * as at any opening; then `ledger.restored` names both heads and the reason, in clear, and the head in the keys folder is written anew. Throws
 * what `openLedger` throws; ERR_CLI_USAGE if there is nothing to restore, or no reason of at most {@link REASON_MAX} characters.
 */
export async function restoreLedger(options: LedgerOptions, reason: string): Promise<Restored> {
  const text = reason.trim()
  if (text === '' || text.length > REASON_MAX || !text.isWellFormed())
    throw new CustomhouseError('ERR_CLI_USAGE', `A reason has between 1 and ${REASON_MAX} characters.`)
  const { ledger, recovered, lost } = await takeOver(options, { reason: text })
  await ledger.close()
  if (lost === null) throw new CustomhouseError('ERR_CLI_USAGE', 'There is nothing to restore.')
  return { recovered, lost }
}
