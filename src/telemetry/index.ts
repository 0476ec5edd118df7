import type { ErrorCode } from '../core/errors.ts'
import type { AuditRecord } from '../core/record.ts'
import type { Telemetry } from '../core/telemetry.ts'
import { Counts } from './counts.ts'
import { type Exposition, exposition } from './exposition.ts'
import type { House } from './house.ts'
import { Journal } from './journal.ts'
import { CallMeter, type Known } from './meter.ts'
import { openTraces } from './traces.ts'

export type { Exposition } from './exposition.ts'
export type { House, LedgerState } from './house.ts'

export type TelemetryOptions = Readonly<{
  /** Of the gateway. */
  version: string
  env: NodeJS.ProcessEnv
  known: Known
  /** Whether a client's `traceparent` is taken for the parent. */
  acceptParent: () => boolean
  warn: (line: string) => void
}>

/** Metrics, and spans where a collector is named. */
export type Observatory = Telemetry &
  Readonly<{
    exporting: boolean
    /** Records that are durable, and what their commit took. */
    committed(records: readonly AuditRecord[], ms: number): void
    /** A reload was activated (null), or rejected. */
    reloaded(code: ErrorCode | null): void
    /** A call was refused before it was judged. */
    refused(code: ErrorCode): void
    /** @param house null while the gateway starts */
    exposition(house: () => House | null): Exposition
    /** The last spans, within 2 s. */
    stop(): Promise<void>
  }>

/** Rejects for nothing that the environment says: a gateway serves without a collector. */
export async function openTelemetry({
  version,
  env,
  known,
  acceptParent,
  warn,
}: TelemetryOptions): Promise<Observatory> {
  const counts = new Counts()
  const journal = new Journal()
  const traces = await openTraces({
    env,
    version,
    acceptParent,
    warn,
    report: (result, spans) => journal.spansWere(result, spans),
  })
  const spans = traces?.spans ?? null
  return {
    exporting: traces !== null,
    arrived: (arrival) => new CallMeter(counts, known, spans === null ? null : spans.arrived(arrival)),
    committed: (records, ms) => journal.committed(records, ms),
    reloaded: (code) => journal.reload(code),
    refused: (code) => counts.refuse(code),
    exposition: (house) => exposition(counts, journal, house, version),
    stop: async () => traces?.stop(),
  }
}
