import type { Logger } from 'pino'
import { type LoadedConfig, watchContent } from '../config.ts'
import { errorFacts } from './log.ts'
import type { Activation, ReloadReport } from './reload.ts'

/** Reloads by themselves, when what is on disk has changed, and when somebody asks. */
export type Watching = Readonly<{ reload(): Promise<ReloadReport>; look(): Promise<void>; stop(): void }>

/** @param heard hears what each reload came to, before it is reported */
export function watching(
  activation: Activation,
  read: () => Promise<LoadedConfig>,
  heard: (report: ReloadReport, active: LoadedConfig) => Promise<void>,
  log: Logger,
): Watching {
  const act = async (): Promise<ReloadReport> => {
    const report = await activation.reload(read)
    await heard(report, activation.active.loaded)
    return report
  }
  const watch = watchContent({
    digest: () => activation.content(),
    acted: () => activation.acted,
    everyMs: activation.active.loaded.config.reload.everyMs,
    changed: async () => {
      await act()
    },
    unchanged: async (since) => {
      if (!activation.due()) return activation.confirm(since)
      const report = await activation.retry(read)
      if (report !== null) await heard(report, activation.active.loaded)
    },
    failed: (error) => log.error(errorFacts(error), 'what is on disk could not be looked at'),
  })
  return { reload: act, look: () => watch.look(), stop: () => watch.stop() }
}
