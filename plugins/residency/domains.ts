import { type Layers, membersOf } from './layers.ts'
import { hostsOf } from './places.ts'

/** Domains under which all hosts are a provider's, by name: of one that has no row of its own nothing is promised. Throws ERR_CONFIG_INVALID. */
export function readDomains({ rows }: Pick<Layers, 'rows'>): ReadonlySet<string> {
  return new Set(rows('domains').flatMap((row) => hostsOf(membersOf(row, ['domains']).domains, row.where)))
}

/** The domain that a host is in; null for none of them. */
export function domainOf(hostname: string, domains: ReadonlySet<string>): string | null {
  for (let at = 0; at !== -1; ) {
    const rest = hostname.slice(at)
    if (domains.has(rest)) return rest
    const dot = hostname.indexOf('.', at)
    at = dot === -1 ? -1 : dot + 1
  }
  return null
}

const VPCE =
  /^vpce-[a-z0-9-]+\.(?:(bedrock-runtime(?:-fips)?|vpce-svc-[a-z0-9]+)\.)?([a-z]{2,}(?:-[a-z]+)+-\d{1,2})\.vpce\.amazonaws\.com$/

/**
 * An endpoint in a VPC as its name tells it: the region, and whether Bedrock's runtime answers there or somebody's own service. Null for any other host, also for
 * endpoints of AWS's other services.
 */
export function vpceAt(hostname: string): Readonly<{ region: string; bedrock: boolean }> | null {
  const [, service = '', region] = VPCE.exec(hostname) ?? []
  return region === undefined ? null : { region, bedrock: service.startsWith('bedrock-') }
}
