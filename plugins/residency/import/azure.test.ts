import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Json } from '../../../src/core/json.ts'
import { account, DEPLOYMENTS, deployment } from '../../../test/cli/residency-samples.ts'
import { type AccountGiven, importAzure } from './index.ts'

const LISTING = [deployment('gpt-4o-zone', 'DataZoneStandard'), deployment('embeddings', 'Standard')]
const shown = (content: Json): AccountGiven => ({ file: 'account.json', content })
const run = (listing: Json, given: AccountGiven = shown(account())) =>
  importAzure({ file: 'list.json', content: listing }, given, DEPLOYMENTS, '2026-11-20')

const refusal = (listing: Json, given?: AccountGiven): string => {
  try {
    run(listing, given)
  } catch (error) {
    if (error instanceof CustomhouseError && error.code === 'ERR_CONFIG_INVALID') return error.message
    throw error
  }
  return 'imported'
}

describe('importing deployments of Azure', () => {
  const row = {
    location: 'swedencentral',
    deployments: { embeddings: 'Standard', 'gpt-4o-zone': 'DataZoneStandard' },
    as_of: '2026-11-20',
  }

  it('a resource stands under the label of its own host', () => {
    expect(run(LISTING).azure).toEqual({ resources: { 'claims-oai': { ...row, source: 'az-claims-oai' } } })
    expect(Object.keys(run(LISTING).sources)).toEqual(['az-claims-oai'])
  })

  it.each([
    ['the account among others', shown([account('other', 'other'), account()])],
    ['capitals that ARM does not tell apart', shown(account('CLAIMS-OPENAI'))],
  ])('takes %s', (_, given) => {
    expect(run(LISTING, given).azure).toEqual({ resources: { 'claims-oai': { ...row, source: 'az-claims-oai' } } })
  })

  it('takes name and location in the operator`s own words', () => {
    expect(run(LISTING, { name: 'claims-openai', location: 'Sweden Central' }).azure).toEqual({
      resources: { 'claims-openai': { ...row, source: 'az-claims-openai' } },
    })
  })

  const refused: readonly (readonly [string, Json, AccountGiven | undefined, string])[] = [
    [
      'an unknown type',
      [deployment('a', 'CosmicStandard')],
      undefined,
      'list.json#/0/sku/name: "CosmicStandard" is no type',
    ],
    ['no type', [{ ...deployment('a', 'Standard'), sku: null }], undefined, 'list.json#/0/sku/name: none is no type'],
    [
      'an unknown location',
      LISTING,
      shown({ ...account(), location: 'Atlantis' }),
      'account.json#/location: the catalogue has no location "Atlantis"',
    ],
    [
      'an unknown location of one account among others',
      LISTING,
      shown([account('other', 'other'), { ...account(), location: 'Atlantis' }]),
      'account.json#/1/location: the catalogue has no location "Atlantis"',
    ],
    [
      'an unknown location in words',
      LISTING,
      { name: 'claims-openai', location: 'atlantis' },
      '--location#: the catalogue has no location "atlantis"',
    ],
    ['a location that is missing', LISTING, shown({ ...account(), location: null }), 'account.json#/location'],
    [
      'the listing of another account',
      LISTING,
      shown(account('other', 'other')),
      'list.json#/0/id: is a deployment of the account Claims-OpenAI',
    ],
    ['the listing of another account in words', LISTING, { name: 'other', location: 'uksouth' }, 'and not of other'],
    [
      'the same name in another resource group',
      LISTING,
      shown({ ...account(), id: String(account().id).replace('rg-claims', 'rg-lab') }),
      'list.json#/0/id: is a deployment',
    ],
    [
      'accounts without the one',
      LISTING,
      shown([account('x', 'x'), account('y', 'y')]),
      'account.json#: is not the account "Claims-OpenAI"',
    ],
    [
      'an account without a host of its own',
      LISTING,
      shown(account('Claims-OpenAI', null)),
      'account.json#/properties/customSubDomainName',
    ],
    [
      'listings of two accounts in one',
      [...LISTING, deployment('b', 'Standard', 'other')],
      undefined,
      'list.json#/2/id: is a deployment of the account other',
    ],
    [
      'an id that does not end in the name',
      [{ ...deployment('a', 'Standard'), name: 'b' }],
      { name: 'claims-openai', location: 'uksouth' },
      'list.json#/0/id',
    ],
    [
      'a name twice',
      [deployment('a', 'Standard'), deployment('a', 'GlobalStandard')],
      undefined,
      'list.json#/1/name: "a" stands there twice',
    ],
    ['an empty list', [], { name: 'claims-openai', location: 'uksouth' }, 'list.json#: there is no deployment'],
    ['no list', { value: LISTING }, { name: 'claims-openai', location: 'uksouth' }, 'list.json#: must be the list'],
    ['a name that is no host', LISTING, { name: 'claims.openai', location: 'uksouth' }, 'can be no name'],
  ]
  it.each(refused)('refuses %s', (_, listing, given, words) => expect(refusal(listing, given)).toContain(words))
})
