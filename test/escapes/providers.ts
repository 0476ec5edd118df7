import type { Json } from '../../src/core/json.ts'
import { FLAKY } from './names.ts'

const at = (...places: string[]): Json => ({ endpoint: places, processing: places, storage: places })

/** Name -> kind, base_url, residency, and what else the configuration needs. */
export const PROVIDERS: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  ...Object.fromEntries(
    ['eu', 'us', 'ae', 'jp', 'au', 'in'].map((one) => [
      `openai-${one}`,
      {
        kind: 'openai',
        base_url: `https://${one}.api.openai.com/v1`,
        residency: `openai/${one}`,
        project: `${one.toUpperCase()}_STORAGE_PROCESSING`,
      },
    ]),
  ),
  'openai-global': {
    kind: 'openai',
    base_url: 'https://api.openai.com/v1',
    residency: 'openai/global',
    project: 'GLOBAL',
  },
  'mistral-own': { kind: 'mistral', base_url: 'https://mistral.bank.example/v1', residency: at('DE') },
  'mistral-us': { kind: 'mistral', base_url: 'https://mistral-us.bank.example/v1', residency: at('US') },
  'mistral-eu': { kind: 'mistral', base_url: 'https://api.eu.mistral.ai/v1', residency: 'mistral/eu' },
  'mistral-api': { kind: 'mistral', base_url: 'https://api.mistral.ai/v1', residency: 'mistral/global' },
  'azure-eu': { kind: 'azure', base_url: 'https://claims-eu.openai.azure.com/openai/v1', residency: 'azure/claims-eu' },
  'azure-us': { kind: 'azure', base_url: 'https://claims-us.openai.azure.com/openai/v1', residency: 'azure/claims-us' },
  'azure-alt': {
    kind: 'azure',
    base_url: 'https://claims-us.cognitiveservices.azure.com/openai/v1',
    residency: 'azure/claims-us',
  },
  'vertex-eu': {
    kind: 'openai',
    base_url: 'https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi',
    residency: 'vertex/eu',
  },
  'vertex-us': {
    kind: 'openai',
    base_url: 'https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/endpoints/openapi',
    residency: 'vertex/us',
  },
  'vertex-global': {
    kind: 'openai',
    base_url: 'https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi',
    residency: 'vertex/global',
  },
  'vertex-region': {
    kind: 'openai',
    base_url: 'https://europe-west3-aiplatform.googleapis.com/v1/projects/p/locations/europe-west3/endpoints/openapi',
    residency: 'vertex/europe-west3',
  },
  'vertex-mixed': {
    kind: 'openai',
    base_url: 'https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/us/endpoints/openapi',
    residency: 'vertex/eu',
  },
  'vertex-twice': {
    kind: 'openai',
    base_url: 'https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/locations/us/endpoints/openapi',
    residency: 'vertex/eu',
  },
  'oci-fra': {
    kind: 'openai',
    base_url: 'https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1',
    residency: 'oci/eu-frankfurt-1',
  },
  'oci-ash': {
    kind: 'openai',
    base_url: 'https://inference.generativeai.us-ashburn-1.oci.oraclecloud.com/openai/v1',
    residency: 'oci/us-ashburn-1',
  },
  'oci-mad': {
    kind: 'openai',
    base_url: 'https://inference.generativeai.eu-madrid-1.oci.oraclecloud.com/openai/v1',
    residency: 'oci/eu-madrid-1',
  },
  'claude-own': { kind: 'anthropic', base_url: 'https://claude.bank.example', residency: at('DE') },
  'claude-us': { kind: 'anthropic', base_url: 'https://claude-us.bank.example', residency: at('US') },
  'claude-api': {
    kind: 'anthropic',
    base_url: 'https://api.anthropic.com',
    residency: { endpoint: ['*'], processing: ['*'], storage: ['US'] },
  },
  ...Object.fromEntries(
    [
      ['fra', 'eu-central-1'],
      ['zrh', 'eu-central-2'],
      ['lon', 'eu-west-2'],
      ['nva', 'us-east-1'],
      ['tyo', 'ap-northeast-1'],
      ['mtl', 'ca-central-1'],
    ].map(([name, region]) => [
      String(name),
      { kind: 'bedrock', region: String(region), residency: `bedrock/${region}` },
    ]),
  ),
  'fips-nva': {
    kind: 'bedrock',
    region: 'us-east-1',
    base_url: 'https://bedrock-runtime-fips.us-east-1.amazonaws.com',
    residency: 'bedrock/us-east-1',
  },
  'own-bedrock': {
    kind: 'bedrock',
    region: 'eu-central-1',
    base_url: 'https://bedrock.bank.example',
    residency: at('DE'),
  },
  'flaky-openai': {
    kind: 'openai',
    base_url: `https://${FLAKY.openai}/v1`,
    residency: at('DE'),
    timeouts: { first_byte: '2s', idle: '300ms' },
  },
  'flaky-anthropic': {
    kind: 'anthropic',
    base_url: `https://${FLAKY.anthropic}`,
    residency: at('DE'),
    timeouts: { first_byte: '2s', idle: '300ms' },
  },
  'flaky-bedrock': {
    kind: 'bedrock',
    region: 'eu-central-1',
    base_url: `https://${FLAKY.bedrock}`,
    residency: at('DE'),
    timeouts: { first_byte: '2s', idle: '300ms' },
  },
  'lab-only': { kind: 'openai', base_url: 'https://lab.bank.example/v1', residency: at('DE'), tenant_credentials: {} },
  misnamed: { kind: 'openai', base_url: 'https://a.deep.bank.example/v1', residency: at('DE') },
  covered: {
    kind: 'openai',
    base_url: 'https://covered.bank.example/v1',
    residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
    contract: ['baa', 'dpa', 'dpf'],
  },
  'kept-in-us': {
    kind: 'openai',
    base_url: 'https://kept.bank.example/v1',
    residency: { endpoint: ['DE'], processing: ['DE'], storage: ['US'] },
  },
  'tls-in-us': {
    kind: 'openai',
    base_url: 'https://front.bank.example/v1',
    residency: { endpoint: ['US'], processing: ['DE'], storage: ['DE'] },
  },
  'sunset-gb': { kind: 'openai', base_url: 'https://gb.bank.example/v1', residency: at('GB'), contract: ['dpa'] },
  'dpf-less': { kind: 'openai', base_url: 'https://us-dpa.bank.example/v1', residency: at('US'), contract: ['dpa'] },
  'india-scc': {
    kind: 'openai',
    base_url: 'https://in-scc.bank.example/v1',
    residency: at('IN'),
    contract: ['dpa', 'scc'],
  },
  'us-baa': { kind: 'openai', base_url: 'https://us-baa.bank.example/v1', residency: at('US'), contract: ['baa'] },
}
