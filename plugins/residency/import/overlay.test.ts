import { expect, it } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { account, DEPLOYMENTS, deployment, EU, GLOBAL, OWN, REGIONS } from '../../../test/cli/residency-samples.ts'
import { importAzure, importBedrock, mergeOverlay } from './index.ts'

const into = (content: Json) => ({ file: 'overlay.json', content })
const profiles = (day: string, ...contents: readonly Json[]) =>
  importBedrock(
    contents.map((content, index) => ({ file: `${index}.json`, content })),
    REGIONS,
    day,
  )
const deployments = (...names: readonly string[]) =>
  importAzure(
    { file: 'list.json', content: names.map((name) => deployment(name, 'Standard')) },
    { file: 'account.json', content: account() },
    DEPLOYMENTS,
    '2026-11-20',
  )

it('newer rows replace older ones, others stay, and so does everything that was not imported', () => {
  const mine = {
    version: 2,
    as_of: '2026-01-01',
    sources: { lawyer: 'a letter' },
    entries: { x: 1 },
    bedrock: { vendors: ['acme'] },
  }
  const first = mergeOverlay(into(mine), profiles('2026-11-01', EU, OWN))
  const second = mergeOverlay(into(first), profiles('2026-11-20', EU, GLOBAL))
  expect(second).toMatchObject({
    as_of: '2026-01-01',
    sources: { lawyer: 'a letter' },
    entries: { x: 1 },
    bedrock: { vendors: ['acme'] },
  })
  expect(second).toMatchObject({
    bedrock: {
      imported: {
        'eu-west-2': {
          [String(EU.inferenceProfileId)]: { as_of: '2026-11-20' },
          [String(OWN.inferenceProfileArn)]: { as_of: '2026-11-01' },
          [String(GLOBAL.inferenceProfileId)]: { regions: null },
        },
      },
    },
  })
})

it('the order of imports of different things does not show in the text', () => {
  const empty = { version: 2, as_of: '2026-01-01', sources: {} }
  const [a, b] = [profiles('2026-11-20', EU), profiles('2026-11-20', OWN, GLOBAL)]
  const texts = [
    [a, b],
    [b, a],
  ].map((all) => JSON.stringify(all.reduce((sofar: Json, one) => mergeOverlay(into(sofar), one), empty)))
  expect(texts[0]).toBe(texts[1])
})

it('a resource is replaced with all of its deployments: what Azure has no more is gone', () => {
  const first = mergeOverlay(into({ version: 2, as_of: '2026-01-01', sources: {} }), deployments('a', 'b'))
  expect(mergeOverlay(into(first), deployments('b'))).toMatchObject({
    azure: { resources: { 'claims-oai': { deployments: { b: 'Standard' } } } },
  })
  expect(JSON.stringify(mergeOverlay(into(first), deployments('b')))).not.toContain('"a"')
})

it.each<readonly [string, Json, string]>([
  ['another version', { version: 1 }, 'overlay.json#/version: must be 2'],
  ['a list', [], 'overlay.json#: must be an object'],
  [
    'rows that are none',
    { version: 2, bedrock: { imported: { 'eu-west-2': 7 } } },
    'overlay.json#/bedrock/imported/eu-west-2: must be an object',
  ],
  ['sources that are none', { version: 2, sources: ['x'] }, 'overlay.json#/sources: must be an object'],
])('refuses to add to %s', (_, content, words) => {
  expect(() => mergeOverlay(into(content), profiles('2026-11-20', EU))).toThrow(words)
})
