import { reachedBy } from '../../../plugins/residency/bedrock.ts'
import type { KnownDeployments, KnownRegions } from '../../../plugins/residency/import/index.ts'
import { catalogueWith, type Layer } from '../../../plugins/residency/index.ts'
import type { Json } from '../../core/json.ts'

/** What importers hold their input against. */
export type OpenCatalogue = Readonly<{
  aws: KnownRegions
  azure: KnownDeployments
  /** Throws ERR_CONFIG_INVALID for a file that the gateway would not take. */
  require(content: Json, file: string): void
}>

/** The shipped catalogue with `overlays` on top, and what would be laid over both. */
export function openCatalogue(overlays: readonly Layer[]): OpenCatalogue {
  const { bedrock, azure } = catalogueWith(overlays)
  return {
    aws: {
      partitions: new Map([...bedrock.regions.values()].map(({ id, partition }) => [id, partition])),
      profile: (id, region) => {
        const reached = reachedBy(id, region, bedrock)
        return reached === null || reached === 'region' ? undefined : reached.regions
      },
    },
    azure: { types: new Set(azure.types.keys()), locations: new Set(azure.regions.keys()) },
    require: (content, name) => void catalogueWith([...overlays, { name, content }]),
  }
}
