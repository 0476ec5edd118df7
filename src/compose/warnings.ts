import { isUnimported } from '../../plugins/residency/index.ts'
import type { LoadedConfig } from '../config.ts'
import { ageWarnings } from './ages.ts'
import { catalogueOf } from './generation.ts'

/**
 * Lines for the operator about what a residency rests on: rows that are too old, and resources of Azure whose places are declared though they can be
 * imported. `now` in milliseconds since 1970. Throws ERR_CONFIG_INVALID at `residency.catalogue`.
 */
export function residencyWarnings(loaded: LoadedConfig, now: number): readonly string[] {
  const { residency, providers } = loaded.config
  const catalogue = catalogueOf(loaded)
  const lines = [...ageWarnings(catalogue.rows, residency.maxAgeMs, now)]
  const unimported = [...providers].flatMap(([name, provider]) => (isUnimported(provider, catalogue) ? [name] : []))
  if (unimported.length > 0)
    lines.push(
      `residency  declared, not imported: ${unimported.join(', ')}. The type of each deployment decides where it runs, and no row has it: \`customhouse residency import azure\``,
    )
  return lines
}
