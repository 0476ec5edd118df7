import type { Json } from '../../../src/core/json.ts'
import { type Document, Faults, type ImportedOverlay, type Members, membersOf, sorted } from './document.ts'

/**
 * A file's content with what was imported laid into it: newer rows replace older ones of the same name, a resource of Azure with all of its deployments; everything else of
 * the file stays, in its order. The file's own day stays too, since rows without one of their own go by it. Throws ERR_CONFIG_INVALID where it is no catalogue of version 2.
 */
export function mergeOverlay(into: Document, imported: ImportedOverlay): Readonly<Record<string, Json>> {
  const faults = new Faults()
  const before = partOf(into.content, into.file, [], faults)
  if (before.version !== 2) faults.add(into.file, ['version'], 'must be 2: only such a catalogue can be added to')
  const merged: Record<string, Json> = {
    ...before,
    sources: sorted(Object.entries({ ...partOf(before.sources, into.file, ['sources'], faults), ...imported.sources })),
  }
  if (imported.bedrock !== undefined) {
    const bedrock = partOf(before.bedrock, into.file, ['bedrock'], faults)
    const rows = { ...partOf(bedrock.imported, into.file, ['bedrock', 'imported'], faults) }
    for (const [region, called] of Object.entries(imported.bedrock.imported)) {
      const older = partOf(rows[region], into.file, ['bedrock', 'imported', region], faults)
      rows[region] = sorted(Object.entries({ ...older, ...called }))
    }
    merged.bedrock = { ...bedrock, imported: sorted(Object.entries(rows)) }
  }
  if (imported.azure !== undefined) {
    const azure = partOf(before.azure, into.file, ['azure'], faults)
    const older = partOf(azure.resources, into.file, ['azure', 'resources'], faults)
    merged.azure = { ...azure, resources: sorted(Object.entries({ ...older, ...imported.azure.resources })) }
  }
  faults.raise('Nothing was imported')
  return merged
}

function partOf(value: Json | undefined, file: string, path: readonly string[], faults: Faults): Members {
  const members = value === undefined ? {} : membersOf(value)
  if (members === null) faults.add(file, path, 'must be an object')
  return members ?? {}
}
