import type { Logger } from 'pino'
import { contentDigest, type LoadedConfig, watchContent } from '../config.ts'
import { errorFacts } from './log.ts'
import type { Activation, ReloadReport } from './reload.ts'

/** Reloads by themselves, when what is on disk has changed, and when somebody asks. */
export type Watching = Readonly<{ reload(): Promise<ReloadReport>; look(): Promise<void>; stop(): void }>

/** Everything that a version is made of. */
export function watchedPaths({ watch, config }: LoadedConfig): readonly string[] {
  return [...watch, config.policy.path]
}

/**
 * @param from digest of {@link watchedPaths} from before the active version was read
 * @param heard hears what each reload came to, before it is reported
 */
export function watching(
  activation: Activation,
  read: () => Promise<LoadedConfig>,
  from: string,
  heard: (report: ReloadReport, active: LoadedConfig) => Promise<void>,
  log: Logger,
): Watching {
  const paths = (): readonly string[] => watchedPaths(activation.active.loaded)
  const act = async (source: () => Promise<LoadedConfig>): Promise<ReloadReport> => {
    const report = await activation.reload(source)
    await heard(report, activation.active.loaded)
    return report
  }
  const watch = watchContent({
    paths,
    everyMs: activation.active.loaded.config.reload.everyMs,
    from,
    changed: async () => {
      await act(read)
    },
    unchanged: (since) => activation.confirm(since),
    failed: (error) => log.error(errorFacts(error), 'the configuration could not be watched'),
  })
  return {
    reload: () =>
      act(async () => {
        // Taken before the files are read: what changes from here on is another version.
        watch.acted(await contentDigest(paths()))
        return read()
      }),
    look: () => watch.look(),
    stop: () => watch.stop(),
  }
}
