import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Json } from '../../../src/core/json.ts'
import {
  ACCOUNT,
  EU,
  GLOBAL,
  list,
  modelArn,
  OWN,
  profile,
  profileArn,
  REGIONS,
  router,
} from '../../../test/cli/residency-samples.ts'
import { importBedrock } from './index.ts'

const files = (...contents: readonly Json[]) => contents.map((content, index) => ({ file: `${index}.json`, content }))
const run = (...contents: readonly Json[]) => importBedrock(files(...contents), REGIONS, '2026-11-20')

const rowsOf = (...contents: readonly Json[]): Record<string, readonly string[] | null> => {
  const called = run(...contents).bedrock?.imported['eu-west-2'] ?? {}
  return Object.fromEntries(Object.entries(called).map(([key, { regions }]) => [key, regions]))
}

const refusal = (...contents: readonly Json[]): string => {
  try {
    run(...contents)
  } catch (error) {
    if (error instanceof CustomhouseError && error.code === 'ERR_CONFIG_INVALID') return error.message
    throw error
  }
  return 'imported'
}

describe('importing profiles of Bedrock', () => {
  it('a profile of AWS`s own is known by id and ARN, one of the account by its ARN alone', () => {
    expect(rowsOf(EU)).toEqual({
      'eu.anthropic.claude-sonnet-4-5-20250929-v1:0': ['eu-central-1', 'eu-west-2', 'eu-west-3'],
      [String(EU.inferenceProfileArn)]: ['eu-central-1', 'eu-west-2', 'eu-west-3'],
    })
    expect(rowsOf(OWN)).toEqual({ [String(OWN.inferenceProfileArn)]: ['eu-north-1', 'eu-west-2'] })
  })

  it('each row has the day and a source that the overlay spells out', () => {
    const overlay = run(EU)
    const row = overlay.bedrock?.imported['eu-west-2']?.['eu.anthropic.claude-sonnet-4-5-20250929-v1:0']
    expect(row).toMatchObject({ as_of: '2026-11-20', source: `aws-${ACCOUNT}` })
    expect(Object.keys(overlay.sources)).toEqual([`aws-${ACCOUNT}`])
  })

  it('a model without a region is anywhere', () => expect(Object.values(rowsOf(GLOBAL))).toEqual([null, null]))

  it('a list, single answers and any order of files come to the same text', () => {
    const texts = [
      run(list(EU, OWN), GLOBAL),
      run(GLOBAL, OWN, EU),
      run(OWN, list(GLOBAL, EU)),
      run(EU, EU, GLOBAL, OWN),
    ]
    expect(new Set(texts.map((overlay) => JSON.stringify(overlay))).size).toBe(1)
  })

  const NOVA = profileArn({ region: 'eu-west-2', id: 'eu.amazon.nova-lite-v1:0' })
  it.each([
    ['models of its own', [router([modelArn('eu-west-2')], modelArn('eu-west-3'))], ['eu-west-2', 'eu-west-3']],
    [
      'a profile in a later file',
      [router([String(OWN.inferenceProfileArn)], modelArn('eu-west-3')), OWN],
      ['eu-north-1', 'eu-west-2', 'eu-west-3'],
    ],
    ['a profile of the catalogue', [router([NOVA], modelArn('eu-west-3'))], ['eu-west-1', 'eu-west-3']],
    [
      'a global profile as its last resort',
      [router([modelArn('eu-west-2')], String(GLOBAL.inferenceProfileArn)), GLOBAL],
      null,
    ],
  ] as const)('a prompt router runs where one of its models may: %s', (_, contents, regions) => {
    expect(rowsOf(...contents)[`arn:aws:bedrock:eu-west-2:${ACCOUNT}:prompt-router/p8d3k1z6t0wc`]).toEqual(regions)
  })

  const model = (text: string) => profile({ region: 'eu-west-2', id: 'eu.x', models: [modelArn('eu-west-2'), text] })
  const refused: readonly (readonly [string, readonly Json[], string])[] = [
    [
      'a region that the catalogue lacks',
      [model(modelArn('eu-west-9'))],
      '0.json#/models/1/modelArn: the catalogue has no region eu-west-9',
    ],
    [
      'a model of another partition',
      [model(modelArn('us-gov-west-1', 'x.y', 'aws-us-gov'))],
      '0.json#/models/1/modelArn: is of the partition aws-us-gov',
    ],
    [
      'a region under another partition',
      [model(modelArn('us-gov-west-1'))],
      '0.json#/models/1/modelArn: the catalogue has no region us-gov-west-1 in the partition aws',
    ],
    [
      'a profile of another partition',
      [{ ...EU, inferenceProfileArn: String(EU.inferenceProfileArn).replace('arn:aws:', 'arn:aws-cn:') }],
      'names the partition aws-cn',
    ],
    [
      'a profile in an unknown region',
      [profile({ region: 'eu-west-9', id: 'eu.x', models: [modelArn('eu-west-2')] })],
      '0.json#/inferenceProfileArn: the catalogue has no region "eu-west-9"',
    ],
    ['no model', [{ ...EU, models: [] }], '0.json#/models: must name at least one model'],
    ['a model that is none', [model('gpt-4o')], '0.json#/models/1/modelArn: must be the ARN of a model'],
    [
      'a profile within a profile',
      [model(String(EU.inferenceProfileArn))],
      '0.json#/models/1/modelArn: names inference-profile',
    ],
    [
      'another account',
      [
        EU,
        list(profile({ region: 'eu-west-2', id: 'eu.y', account: '111122223333', models: [modelArn('eu-west-2')] })),
      ],
      '1.json#/inferenceProfileSummaries/0/inferenceProfileArn: is of account 111122223333',
    ],
    [
      'files that contradict each other',
      [EU, { ...EU, models: [{ modelArn: modelArn('eu-west-1') }] }],
      'leads elsewhere than in 0.json',
    ],
    ['an id that is not that of the ARN', [{ ...EU, inferenceProfileId: 'us.x' }], '0.json#/inferenceProfileId'],
    ['a type that is not that of the ARN', [{ ...EU, type: 'APPLICATION' }], '0.json#/type'],
    ['an unknown status', [{ ...EU, status: 'DELETING' }], '0.json#/status: is "DELETING"'],
    [
      'a list that goes on',
      [{ inferenceProfileSummaries: [EU], nextToken: 'AAB' }],
      '0.json#/nextToken: the list goes on',
    ],
    ['a list of anything', [list(7)], '0.json#/inferenceProfileSummaries/0: must be an object'],
    ['an empty list', [list()], '0.json#: there is no profile'],
    ['something else', [{ modelSummaries: [] }], '0.json#: is none of what aws bedrock'],
    [
      'a router through a profile that nobody knows',
      [router([String(OWN.inferenceProfileArn)], modelArn('eu-west-3'))],
      '0.json#/models/0/modelArn: names a profile that is in none of these files',
    ],
    [
      'a router without a last resort',
      [{ ...router([modelArn('eu-west-2')], ''), fallbackModel: null }],
      '0.json#/fallbackModel/modelArn',
    ],
  ]
  it.each(refused)('refuses %s', (_, contents, words) => expect(refusal(...contents)).toContain(words))

  it('tells all that is wrong at once', () => {
    expect(refusal({ ...EU, models: [] }, { ...OWN, status: '?' }).split('\n')).toHaveLength(3)
  })

  it('names no region that no model names, and leaves out none', () => {
    const regions = fc.subarray(
      [...REGIONS.partitions].flatMap(([id, of]) => (of === 'aws' ? [id] : [])),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 1 }), regions, (ids, reached) => {
        const models = reached.map((region) => modelArn(region))
        const rows = rowsOf(list(...ids.map((id) => profile({ region: 'eu-west-2', id: `eu.${id}`, models }))))
        for (const found of Object.values(rows)) expect(found).toEqual([...reached].sort())
        expect(Object.keys(rows)).toHaveLength(2 * ids.length)
      }),
    )
  })
})
