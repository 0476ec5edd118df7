import type { KnownDeployments, KnownRegions } from '../../plugins/residency/import/index.ts'
import type { Json } from '../../src/core/json.ts'

/** Answers in the shape that AWS and Azure document for their command lines, with names and numbers of our own. */

export const ACCOUNT = '210987654321'
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'

export const modelArn = (region: string, model = CLAUDE, partition = 'aws'): string =>
  `arn:${partition}:bedrock:${region}::foundation-model/${model}`

type Profile = Readonly<{ region: string; id: string; models: readonly string[]; account?: string; type?: string }>

export const profileArn = ({
  region,
  id,
  account = ACCOUNT,
  type = 'SYSTEM_DEFINED',
}: Omit<Profile, 'models'>): string =>
  `arn:aws:bedrock:${region}:${account}:${type === 'APPLICATION' ? 'application-' : ''}inference-profile/${id}`

/** What `aws bedrock get-inference-profile` prints. */
export const profile = (asked: Profile): Readonly<Record<string, Json>> => ({
  inferenceProfileName: 'Claude Sonnet',
  description: 'Routes requests over several regions.',
  createdAt: '2026-10-02T00:00:00+00:00',
  updatedAt: '2026-10-20T00:00:00+00:00',
  inferenceProfileArn: profileArn(asked),
  models: asked.models.map((model) => ({ modelArn: model })),
  inferenceProfileId: asked.id,
  status: 'ACTIVE',
  type: asked.type ?? 'SYSTEM_DEFINED',
})

export const EU = profile({
  region: 'eu-west-2',
  id: `eu.${CLAUDE}`,
  models: ['eu-west-3', 'eu-west-2', 'eu-central-1'].map((region) => modelArn(region)),
})

export const GLOBAL = profile({
  region: 'eu-west-2',
  id: `global.${CLAUDE}`,
  models: [modelArn('eu-west-2'), modelArn('')],
})

export const OWN = profile({
  region: 'eu-west-2',
  id: 'k3v9x0p2m7qa',
  type: 'APPLICATION',
  models: ['eu-west-2', 'eu-north-1'].map((region) => modelArn(region)),
})

/** What `aws bedrock get-prompt-router` prints. */
export const router = (models: readonly string[], fallback: string): Readonly<Record<string, Json>> => ({
  promptRouterName: 'claims',
  routingCriteria: { responseQualityDifference: 0.25 },
  createdAt: '2026-10-02T00:00:00+00:00',
  promptRouterArn: `arn:aws:bedrock:eu-west-2:${ACCOUNT}:prompt-router/p8d3k1z6t0wc`,
  models: models.map((model) => ({ modelArn: model })),
  fallbackModel: { modelArn: fallback },
  status: 'AVAILABLE',
  type: 'custom',
})

export const list = (...profiles: readonly Json[]): Json => ({ inferenceProfileSummaries: profiles })

/** A catalogue of a few regions, which knows one profile. */
export const REGIONS: KnownRegions = {
  partitions: new Map([
    ...['eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-central-1', 'eu-north-1'].map((id): [string, string] => [id, 'aws']),
    ['us-gov-west-1', 'aws-us-gov'],
  ]),
  profile: (id, region) => (id === 'eu.amazon.nova-lite-v1:0' && region === 'eu-west-2' ? ['eu-west-1'] : undefined),
}

const OF =
  '/subscriptions/5f0e1c7a-0000-4000-8000-0000000000aa/resourceGroups/rg-claims/providers/Microsoft.CognitiveServices'

/** One of what `az cognitiveservices account deployment list` prints. */
export const deployment = (name: string, sku: string, account = 'Claims-OpenAI'): Readonly<Record<string, Json>> => ({
  etag: '"0e1c7a"',
  id: `${OF}/accounts/${account}/deployments/${name}`,
  name,
  properties: { model: { format: 'OpenAI', name: 'gpt-4o', version: '2024-11-20' }, provisioningState: 'Succeeded' },
  resourceGroup: 'rg-claims',
  sku: { capacity: 50, name: sku },
  type: 'Microsoft.CognitiveServices/accounts/deployments',
})

/** What `az cognitiveservices account show` prints. */
export const account = (
  name = 'Claims-OpenAI',
  label: string | null = 'claims-oai',
): Readonly<Record<string, Json>> => ({
  id: `${OF}/accounts/${name}`,
  kind: 'OpenAI',
  location: 'Sweden Central',
  name,
  properties: { customSubDomainName: label, endpoint: `https://${label ?? 'swedencentral'}.openai.azure.com/` },
  resourceGroup: 'rg-claims',
  sku: { name: 'S0' },
  type: 'Microsoft.CognitiveServices/accounts',
})

export const DEPLOYMENTS: KnownDeployments = {
  types: new Set(['Standard', 'DataZoneStandard', 'GlobalStandard']),
  locations: new Set(['swedencentral', 'uksouth']),
}
