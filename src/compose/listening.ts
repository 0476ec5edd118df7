import type { Logger } from 'pino'
import type { Committed } from '../audit/ledger.ts'
import type { Plugin } from '../core/plugin.ts'
import type { AuditRecord } from '../core/record.ts'
import { errorFacts } from './log.ts'

/** Plugins that listen hear of what is durable, once all have started; what they make of it holds nothing up. Null: none listens. */
export function announcing(
  plugins: readonly Plugin[],
  started: Promise<void>,
  log: Logger,
): ((commit: Committed) => void) | null {
  const listeners = plugins.filter((plugin) => plugin.record !== undefined)
  if (listeners.length === 0) return null
  const tell = async (plugin: Plugin, record: AuditRecord): Promise<void> => {
    await started
    try {
      await plugin.record?.(record)
    } catch (error) {
      log.error(errorFacts(error), `${plugin.name} could not take a record`)
    }
  }
  return ({ records }) => {
    for (const record of records) for (const plugin of listeners) void tell(plugin, record)
  }
}
