import type { Entry, Naming } from './entry.ts'
import { type Layers, membersOf } from './layers.ts'
import { hostsOf, invalid, regionsOf, words } from './places.ts'

/** `meta.llama-3.3-70b-instruct`. An OCID hides which model it is of. */
const MODEL = /^[a-z0-9]+\.[A-Za-z0-9][A-Za-z0-9.-]*$/

/** Regions of OCI as entries: `oci/eu-frankfurt-1`. Some models run in the region, others with whoever made them. Throws ERR_CONFIG_INVALID. */
export function ociEntries({ rows }: Layers): readonly Entry[] {
  const models = rows('oci.models').map((row) => {
    const { runs } = membersOf(row, ['runs'])
    if (runs !== 'region' && runs !== null) throw invalid(`${row.where}: runs must be "region", or null for unknown.`)
    return { key: row.key, inRegion: runs === 'region', told: { row: row.id, stamp: row.stamp } }
  })
  // The longest that fits: a whole name before a prefix, which ends in a dot.
  models.sort((a, b) => b.key.length - a.key.length)
  const ruleOf = (name: string) =>
    MODEL.test(name) ? models.find(({ key }) => key === name || (key.endsWith('.') && name.startsWith(key))) : undefined
  return rows('oci.realms').flatMap((row) => {
    const { host, regions, generative } = membersOf(row, ['host', 'regions', 'generative'])
    const known = regionsOf(regions, row.where)
    const serving = new Set(words(generative, `${row.where}: generative`))
    for (const region of serving)
      if (!known.has(region)) throw invalid(`${row.where}: ${region} is none of the regions of the realm.`)
    return [...known].map(([region, country]): Entry => {
      const places = Object.freeze([country])
      const home = Object.freeze({ endpoint: places, processing: places, storage: places })
      const unnamed = Object.freeze({ endpoint: places, processing: null, storage: null })
      const serves = serving.has(region)
      return {
        id: `oci/${region}`,
        hosts: hostsOf([typeof host === 'string' ? host.replace('{region}', region) : host], row.where),
        residency: serves ? home : unnamed,
        region: null,
        names: {
          nameIn,
          of: (name) => (serves && ruleOf(name)?.inRegion === true ? home : unnamed),
          rowOf: (name) => ruleOf(name)?.told ?? null,
          unnamed,
        },
        switches: null,
        stamp: row.stamp,
        note: serves ? '' : 'No generative AI is known to be there.',
      }
    })
  })
}

/** The OpenAI-compatible API names the model in the body; the native one, below another member, is not read. */
function nameIn(path: string): Naming {
  return /^\/openai\/v1(?:\/[A-Za-z0-9._~-]+)*$/.test(path) ? 'body' : 'none'
}
