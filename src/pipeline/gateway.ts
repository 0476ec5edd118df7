import type { ModelCall } from '../core/call.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Authenticator, Client, Codec } from '../core/port.ts'
import type { Ledger } from '../core/record.ts'
import type { CallWatch } from '../core/telemetry.ts'

/** What a call meets on its way; made once by `compose`. */
export interface Gateway {
  /** The generation that is active now. Asked again before every attempt. */
  generation(): Generation
  readonly ledger: Ledger
  readonly authenticator: Authenticator
  /** Whether the active policy is still known to be the one that its authors want: see `reload.stale_after`. */
  fresh(): boolean
  /** Aborted when the gateway stops and the time for open calls is over. */
  readonly drained: AbortSignal
  /** Counts a call that ended before it was judged; recorded in aggregate, so that strangers cannot fill the disk. */
  refused(code: ErrorCode, tenant: string | null): void
  /** Faults that no client may see in detail. Never given text of a call. */
  report(what: string, error: unknown, call: string): void
}

/** One call on its way, with the client that waits for it. */
export type Visit = Readonly<{ call: ModelCall; codec: Codec; client: Client; gateway: Gateway; watch: CallWatch }>
