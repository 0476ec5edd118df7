import type { Issue, Path } from './issue.ts'
import { isRawMap } from './shape.ts'
import type { Raw, RawMap } from './source.ts'

/** A provider's own hosts, and the path below which they serve the API. */
type Home = Readonly<{ kind: string; hosts: RegExp; path: string; example: string }>

const HOMES: readonly Home[] = [
  { kind: 'openai', hosts: /^([a-z]+\.)?api\.openai\.com$/, path: '/v1', example: 'https://api.openai.com/v1' },
  {
    kind: 'azure',
    hosts: /\.(openai\.azure\.com|services\.ai\.azure\.com|cognitiveservices\.azure\.com)$/,
    path: '/openai/v1',
    example: 'https://<resource>.openai.azure.com/openai/v1',
  },
  { kind: 'mistral', hosts: /^api\.([a-z]+\.)?mistral\.ai$/, path: '/v1', example: 'https://api.mistral.ai/v1' },
  { kind: 'anthropic', hosts: /^api\.anthropic\.com$/, path: '', example: 'https://api.anthropic.com' },
  {
    kind: 'bedrock',
    hosts:
      /^bedrock-runtime(-fips)?\.[a-z0-9-]+\.(amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws|api\.amazonwebservices\.eu)$/,
    path: '',
    example: 'https://bedrock-runtime.eu-central-1.amazonaws.com',
  },
]

/** Ends of an address below which an adapter of this kind finds nothing, unless whoever serves it there says otherwise. */
const STRANGE: Readonly<Record<string, Readonly<{ is: (path: string) => boolean; mend: string }>>> = {
  anthropic: {
    is: (path) => /\/(v1|messages)$/.test(path),
    mend: 'ends in /v1 or /messages, and the adapter adds /v1/messages: end it before',
  },
  azure: {
    is: (path) => !path.endsWith('/openai/v1'),
    mend: 'does not end in /openai/v1, where Azure serves its v1 API',
  },
  openai: {
    is: (path) => /\/(chat|completions)$/.test(path),
    mend: 'names an operation, and the adapter adds /chat/completions: end it before',
  },
  mistral: {
    is: (path) => /\/(chat|completions)$/.test(path),
    mend: 'names an operation, and the adapter adds /chat/completions: end it before',
  },
  bedrock: {
    is: (path) => /\/model$/.test(path),
    mend: 'ends in /model, and the adapter adds /model/{id}/{operation}: end it before',
  },
}

/** Where a cloud serves another's API beside its own: Claude in Foundry, chat completions at Bedrock. */
function guest(kind: string, home: Home, below: string): boolean {
  if (home.kind === 'azure') return kind === 'anthropic' && below === '/anthropic'
  return home.kind === 'bedrock' && kind === 'openai' && below === '/openai/v1'
}

type Found = Readonly<{ path: Path; provider: RawMap; kind: string; home: Home | undefined; below: string }>

/** Providers' addresses that are addresses, by the host that they are at. */
function addresses(raw: RawMap): Found[] {
  const providers = isRawMap(raw.providers) ? Object.entries(raw.providers) : []
  return providers.flatMap(([name, provider]: [string, Raw]): Found[] => {
    if (!isRawMap(provider) || typeof provider.kind !== 'string') return []
    const { kind, base_url: text } = provider
    const path = ['providers', name]
    const own = HOMES.find((home) => home.kind === kind)
    // Without an address Bedrock is at AWS's own.
    if (text === undefined) return kind === 'bedrock' ? [{ path, provider, kind, home: own, below: '' }] : []
    const url = typeof text === 'string' ? URL.parse(text) : null
    if (url === null) return []
    const home = HOMES.find(({ hosts }) => hosts.test(url.hostname))
    return [{ path, provider, kind, home, below: url.pathname.replace(/\/+$/, '') }]
  })
}

/** At a provider's own host the path is known; with another one no call can arrive. */
export function lost(raw: RawMap): Issue[] {
  return addresses(raw).flatMap(({ path, kind, home, below }): Issue[] => {
    if (home === undefined || home.kind !== kind) return []
    // A project of Foundry has names before it.
    if (kind === 'azure' ? below.endsWith(home.path) : below === home.path) return []
    const ends =
      home.path === '' ? 'end with its host' : `${kind === 'azure' ? 'end in' : 'have the path'} ${home.path}`
    return [{ path: [...path, 'base_url'], message: `must ${ends}, as ${home.example}` }]
  })
}

/** What can be meant so, and seldom is. */
export function strange(raw: RawMap): Issue[] {
  return addresses(raw).flatMap(({ path, provider, kind, home, below }): Issue[] => {
    const issues: Issue[] = []
    if (home !== undefined && home.kind !== kind && !guest(kind, home, below)) {
      const message = `is ${kind}, but this host's own API is that of \`kind: ${home.kind}\``
      issues.push({ path: [...path, 'kind'], message })
    }
    const odd = home === undefined ? STRANGE[kind] : undefined
    if (odd?.is(below)) issues.push({ path: [...path, 'base_url'], message: odd.mend })
    const { credential, tenant_credentials: tenants, tls } = provider
    const shown = isRawMap(tls) && tls.cert !== undefined
    if (home !== undefined && credential === undefined && tenants === undefined && !shown) {
      const aws = kind === 'bedrock' ? ' (`credential: aws` asks the chain of AWS)' : ''
      issues.push({ path, message: `has no \`credential\`: the provider will refuse every call${aws}`, at: 'key' })
    }
    return issues
  })
}
