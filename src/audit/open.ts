import { setTimeout } from 'node:timers/promises'
import { type CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Ledger } from '../core/record.ts'
import { isWantOfRoom } from './reserve.ts'
import type { LedgerStats } from './stats.ts'
import { type LedgerOptions, type Recovered, takeOver } from './takeover.ts'

export { type LedgerOptions, MIN_FREE_BYTES, type Recovered, SEGMENT_MAX_BYTES } from './takeover.ts'

/** A ledger that is open, and what opening it found and did. */
export type Opened = Readonly<{ ledger: Ledger & { stats(): LedgerStats }; recovered: Recovered }>

/**
 * Takes a log over for writing (`takeOver`). Throws ERR_LEDGER_LOCKED, ERR_LEDGER_CORRUPT (also for a log that is older than the head
 * which the keys folder holds), ERR_STATE_VERSION, ERR_KEYS_STORE, ERR_CONFIG_INVALID (the log's name), or ERR_LEDGER_UNAVAILABLE if the disk fails.
 */
export async function openLedger(options: LedgerOptions): Promise<Opened> {
  const { ledger, recovered } = await takeOver(options, null)
  return { ledger, recovered }
}

export type Wait = Readonly<{
  /** Hears of each attempt that found no room. Must not throw. */
  waiting: (error: CustomhouseError) => void
  /** Ends the waiting: it then rejects with the signal's reason. An opening that has begun is brought to its end, and closed again. */
  signal: AbortSignal
  /** Milliseconds between attempts. Default 1,000. */
  everyMs?: number
}>

/**
 * Opens a ledger as soon as its volume has room. An attempt on a full volume closes what a crash left open, from the reserve; with nothing
 * to close it writes nothing. Whatever else is wrong is thrown at once, as `openLedger` throws it.
 */
export async function openLedgerWhenRoom(options: LedgerOptions, wait: Wait): Promise<Opened> {
  for (;;) {
    wait.signal.throwIfAborted()
    const opened = await openLedger(options).catch((error: unknown) => {
      if (!lacksRoom(error)) throw error
      return error
    })
    if ('ledger' in opened) {
      if (!wait.signal.aborted) return opened
      await opened.ledger.close()
    } else {
      wait.waiting(opened)
      // What an abort means is said at the head of the loop.
      await setTimeout(wait.everyMs ?? 1_000, undefined, { signal: wait.signal }).catch(() => undefined)
    }
  }
}

/** Only a want of room passes by itself. */
function lacksRoom(error: unknown): error is CustomhouseError {
  if (!isCustomhouseError(error)) return false
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) if (isWantOfRoom(cause)) return true
  return false
}
