/** Words of other gateways, and older words of ours, for names of this configuration. */
const SYNONYMS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    vendors: 'providers',
    upstreams: 'providers',
    backends: 'providers',
    model_list: 'models',
    api_key: 'credential',
    apikey: 'credential',
    key: 'credential',
    token: 'credential',
    secret: 'credential',
    url: 'base_url',
    endpoint_url: 'base_url',
    type: 'kind',
    region: 'residency',
    vendor: 'provider',
    teams: 'tenants',
    policies: 'policy',
    logging: 'log',
    dir: 'source',
    watch: 'reload',
    env: 'environment',
  }),
)

/** The candidate that `name` was most likely meant to be, or null when none is near. */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  const wanted = name.toLowerCase()
  let best: string | null = null
  let least = Math.max(1, Math.floor(Math.min(wanted.length, 24) / 3)) + 0.5
  const all = [...candidates]
  for (const candidate of all) {
    const between = distance(wanted, candidate.toLowerCase())
    if (between < least) [best, least] = [candidate, between]
  }
  if (best !== null) return best
  const longer = all.find(
    (one) => one.length > 2 && wanted.length > 2 && (one.startsWith(wanted) || wanted.startsWith(one)),
  )
  if (longer !== undefined) return longer
  const synonym = SYNONYMS.get(wanted)
  return synonym !== undefined && all.includes(synonym) ? synonym : null
}

/** Optimal string alignment: insert, delete, substitute and swap of neighbours cost 1 each. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
