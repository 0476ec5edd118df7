import type { Evidence } from '../../src/core/call.ts'
import type { Placed } from '../../src/core/port.ts'
import type { CatalogueData } from './catalogue.ts'
import type { Entry } from './entry.ts'

/**
 * What providers mean by their own words: `usage.inference_geo` says where inference ran, `x-ms-region` (`East US 2`) where the front end is that
 * took the call. Null for words that the catalogue does not know.
 */
export function evidenceOf(
  { source, word }: Evidence,
  switches: NonNullable<Entry['switches']>,
  { azure }: Pick<CatalogueData, 'azure'>,
): Placed {
  if (source === 'usage.inference_geo') return { facet: 'processing', places: switches.get(word) ?? null }
  if (source !== 'x-ms-region') return { facet: 'processing', places: null }
  const country = azure.regions.get(word.toLowerCase().replaceAll(' ', ''))
  return { facet: 'endpoint', places: country === undefined ? null : [country] }
}
