import { expect, it } from 'vitest'
import { account, DEPLOYMENTS, deployment, EU, GLOBAL, OWN, REGIONS } from '../../test/cli/residency-samples.ts'
import { importAzure, importBedrock, mergeOverlay } from './import/index.ts'
import { catalogueWith, createResidency, SHIPPED } from './index.ts'

/** What the importers write is what the catalogue reads. */

const DAY = '2026-11-20'
const empty = { file: 'own.json', content: { version: 2, as_of: DAY, sources: {} } }
const profiles = importBedrock(
  [EU, GLOBAL, OWN].map((content, index) => ({ file: `${index}.json`, content })),
  REGIONS,
  DAY,
)
const deployments = importAzure(
  {
    file: 'list.json',
    content: ['Standard', 'DataZoneStandard', 'GlobalStandard'].map((type) => deployment(type.toLowerCase(), type)),
  },
  { file: 'account.json', content: account() },
  DEPLOYMENTS,
  DAY,
)
const content = mergeOverlay({ file: 'own.json', content: mergeOverlay(empty, profiles) }, deployments)
const { catalogue, rows } = createResidency({
  declared: [],
  catalogue: catalogueWith([{ name: 'own.json', content: JSON.parse(JSON.stringify(content)) }]),
})

it.each<[string, string, readonly string[] | null]>([
  ['a profile, by its id', String(EU.inferenceProfileId), ['DE', 'FR', 'GB']],
  ['a profile, by its ARN', String(EU.inferenceProfileArn), ['DE', 'FR', 'GB']],
  ['a global profile', String(GLOBAL.inferenceProfileId), null],
  ['an application profile, by its ARN', String(OWN.inferenceProfileArn), ['GB', 'SE']],
])('Bedrock: %s', (_, id, places) => {
  const url = `https://bedrock-runtime.eu-west-2.amazonaws.com/model/${encodeURIComponent(id)}/converse`
  expect(catalogue.resolve(url).processing).toEqual(places)
  // Called from elsewhere it is what the shipped catalogue says, or nothing.
  const elsewhere = catalogue.resolve(url.replace('eu-west-2.amazonaws', 'eu-west-1.amazonaws'))
  expect(elsewhere.processing).not.toEqual(places ?? [])
})

it('Azure: each deployment by its type', () => {
  const of = (model: string) =>
    catalogue.resolve(
      'https://claims-oai.openai.azure.com/openai/v1/chat/completions',
      Buffer.from(JSON.stringify({ model })),
    )
  const home = of('standard')
  expect(home.processing).toEqual(home.endpoint)
  expect(of('globalstandard').processing).toEqual(['*'])
  expect(of('unheard').processing).toBeNull()
  const mine = rows().filter(({ file }) => file === 'own.json')
  expect(mine.map(({ author }) => author)).toEqual(mine.map(() => 'imported'))
  expect(mine.map(({ id }) => id)).toContain('azure/claims-oai')
})

const resource = (location: string, deployments: Readonly<Record<string, string>>) => {
  const row = { location, deployments, as_of: DAY, source: 'own' }
  const overlay = { version: 2, as_of: DAY, sources: { own: 'own' }, azure: { resources: { 'claims-oai': row } } }
  return catalogueWith([{ name: 'own.json', content: overlay }])
}
const ZONE = [...(SHIPPED.groups['EU-27'] ?? [])].sort()

it.each<[string, string, Readonly<Record<string, string>>, readonly string[] | null]>([
  ['one at home', 'swedencentral', { a: 'Standard' }, ['SE']],
  ['one in the zone', 'swedencentral', { a: 'Standard', b: 'DataZoneStandard' }, ZONE],
  ['one anywhere', 'swedencentral', { a: 'Standard', b: 'DataZoneStandard', c: 'GlobalStandard' }, ['*']],
  ['a zone where none is', 'uksouth', { a: 'Standard', b: 'DataZoneStandard' }, null],
  ['none that is listed', 'swedencentral', {}, null],
])('Azure: a resource is as wide as its deployments: %s', (_, location, deployments, processing) => {
  const data = resource(location, deployments)
  expect(data.entries.get('azure/claims-oai')?.residency.processing).toEqual(processing)
  expect(data.rows.find(({ id }) => id === 'azure/claims-oai')?.residency?.processing).toEqual(processing)
  // What it says of one that is not listed stays nothing.
  const url = 'https://claims-oai.openai.azure.com/openai/v1/chat/completions'
  const { catalogue } = createResidency({ declared: [], catalogue: data })
  expect(catalogue.resolve(url, Buffer.from('{"model":"unheard"}')).processing).toBeNull()
  for (const model of Object.keys(deployments)) {
    const own = catalogue.resolve(url, Buffer.from(JSON.stringify({ model }))).processing
    if (processing !== null && !processing.includes('*'))
      expect(processing).toEqual(expect.arrayContaining([...(own ?? ['?'])]))
  }
})
