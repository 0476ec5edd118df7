import { expect, it } from 'vitest'
import { account, DEPLOYMENTS, deployment, EU, GLOBAL, OWN, REGIONS } from '../../test/cli/residency-samples.ts'
import { importAzure, importBedrock, mergeOverlay } from './import/index.ts'
import { catalogueWith, createResidency } from './index.ts'

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
