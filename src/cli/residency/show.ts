import { residencyWarnings } from '../../compose/warnings.ts'
import { type LoadedConfig, nearest } from '../../config.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { loadSettings, type SettingOptions } from '../settings.ts'
import { type Asker, judged, type Verdict } from './judging.ts'
import { placingOf, type Shown } from './placing.ts'
import { printMatrix } from './print.ts'

export type ShowOptions = SettingOptions &
  Readonly<{
    provider?: string
    model?: string
    tenant?: string
    group?: readonly string[]
    dataClass?: readonly string[]
    task?: string
    purpose?: string
    json?: true
  }>

/** Prints where the targets of a configuration are. Secrets need not be resolvable, and nothing is sent. */
export async function show(options: ShowOptions): Promise<void> {
  const { tenant, group, dataClass, task, purpose, json } = options
  if (tenant === undefined && [group, dataClass, task, purpose].some((one) => one !== undefined))
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      '--group, --data-class, --task and --purpose are of a call, which needs a --tenant.',
    )
  const loaded = await loadSettings(options, { secrets: false })
  const { tenants, providers, models } = loaded.config
  requireKnown('tenant', tenant, tenants)
  requireKnown('provider', options.provider, providers.keys())
  requireKnown('model', options.model, models.keys())
  const now = Date.now()
  const targets = placingOf(loaded, options, now)
  for (const line of residencyWarnings(loaded, now)) process.stderr.write(`warning: ${line}\n`)
  const asker: Asker | null =
    tenant === undefined
      ? null
      : {
          tenant,
          groups: group ?? [],
          classes: [...new Set(dataClass ?? [])].sort(),
          task: task ?? null,
          purpose: purpose ?? null,
        }
  const verdicts = asker === null ? null : await judged(loaded, asker, targets)
  if (json === true) process.stdout.write(`${JSON.stringify(asJson(loaded, targets, asker, verdicts), null, 2)}\n`)
  else if (targets.length === 0) process.stderr.write('There is no such target.\n')
  else process.stdout.write(printMatrix(targets, asker?.tenant ?? null, verdicts))
}

function requireKnown(what: string, name: string | undefined, known: Iterable<string>): void {
  const all = [...known]
  if (name === undefined || all.includes(name)) return
  const near = nearest(name, all)
  const hint = near === null ? `known: ${all.join(', ') || 'none'}` : `did you mean ${JSON.stringify(near)}?`
  throw new CustomhouseError(
    'ERR_CONFIG_INVALID',
    `The configuration has no ${what} ${JSON.stringify(name)} (${hint}).`,
  )
}

function asJson(
  loaded: LoadedConfig,
  targets: readonly Shown[],
  asker: Asker | null,
  verdicts: ReadonlyMap<string, readonly Verdict[]> | null,
): unknown {
  return {
    config: loaded.digest,
    tenant: asker?.tenant ?? null,
    targets: targets.map(({ target, models, lines, entry, source, asOf, aged, host, switches }) => ({
      id: target.id,
      models,
      residency: target.residency,
      row: { entry, source, as_of: asOf, aged, host },
      switches,
      jurisdictions: lines,
      ...(verdicts === null ? {} : { verdicts: verdicts.get(target.id) ?? [] }),
    })),
  }
}
