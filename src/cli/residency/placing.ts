import { isAged } from '../../compose/ages.ts'
import { callOf } from '../../compose/canaries.ts'
import { placed } from '../../compose/generation.ts'
import type { CanaryConfig, LoadedConfig } from '../../config.ts'
import type { Target } from '../../core/call.ts'
import { isCustomhouseError } from '../../core/errors.ts'
import { ALWAYS, countriesOf, type Line, linesOf, type Placed } from './matrix.ts'

/** A word in the body that keeps inference somewhere. */
export type Switch = Readonly<{ inference_geo: string; processing: readonly string[] | null }>

/** Where a target is, in every jurisdiction that matters, and who says so. */
export type Shown = Readonly<{
  target: Placed
  /** Names under which clients ask for it. */
  models: readonly string[]
  lines: readonly Line[]
  /** How many of `lines`, from the first, are of jurisdictions that are asked of every target. */
  always: number
  /** Id of the row of the catalogue; null for a declaration. */
  entry: string | null
  source: string | null
  /** `YYYY-MM-DD`; null for a declaration. */
  asOf: string | null
  /** Older than `residency.max_age`. */
  aged: boolean
  host: string | null
  switches: readonly Switch[]
}>

/** Of which provider and model; all of them where nothing is said. */
export type Choice = Readonly<{ provider?: string; model?: string }>

const NOBODY: Omit<CanaryConfig, 'model'> = {
  tenant: '_nobody',
  dialect: null,
  groups: [],
  task: null,
  purpose: null,
  classes: [],
  findings: [],
}

/** The targets of a configuration, each once, by id. `now` in milliseconds since 1970. Throws ERR_CONFIG_INVALID where a residency cannot stand. */
export function placingOf(loaded: LoadedConfig, choice: Choice, now: number): readonly Shown[] {
  const { residency, models } = placed(loaded)
  const { providers, residency: settings } = loaded.config
  const names = new Map<string, string[]>()
  const targets = new Map<string, Target>()
  for (const [name, route] of models) {
    if (choice.model !== undefined && choice.model !== name) continue
    for (const target of route) {
      if (choice.provider !== undefined && choice.provider !== target.provider) continue
      targets.set(target.id, target)
      names.set(target.id, [...(names.get(target.id) ?? []), name])
    }
  }
  const all = [...targets.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((target) => ({ ...target, region: providers.get(target.provider)?.region ?? null }))
  const jurisdictions = [...ALWAYS, ...countriesOf(all)]
  return all.map((target) => {
    const told = toldOf(target, residency.plugin.facts)
    return {
      target,
      models: names.get(target.id) ?? [],
      lines: linesOf(target, jurisdictions),
      always: ALWAYS.length,
      ...told,
      aged: told.asOf !== null && isAged(told.asOf, settings.maxAgeMs, now),
    }
  })
}

type Facts = ReturnType<typeof placed>['residency']['plugin']['facts']
type Told = Pick<Shown, 'entry' | 'source' | 'asOf' | 'host' | 'switches'>

/** What policies are told of a target: the one answer, for them and for whoever asks here. */
function toldOf(target: Target, facts: Facts): Told {
  const call = callOf({ ...NOBODY, model: target.model }, { dialect: 'openai.chat', operation: 'chat', stream: false })
  try {
    const { entry, source, as_of: asOf, host, switches } = membersOf(facts?.(call, target))
    return {
      entry: textOf(entry),
      source: textOf(source),
      asOf: textOf(asOf),
      host: textOf(host),
      switches: (Array.isArray(switches) ? switches : []).map((one) => {
        const { inference_geo: word, processing } = membersOf(one)
        return { inference_geo: String(word), processing: Array.isArray(processing) ? processing.map(String) : null }
      }),
    }
  } catch (error) {
    // Nobody knows the address: that is what is shown.
    if (!isCustomhouseError(error)) throw error
    return { entry: null, source: null, asOf: null, host: null, switches: [] }
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
