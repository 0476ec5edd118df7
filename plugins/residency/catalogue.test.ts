import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { UNKNOWN } from '../../src/core/residency.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { createResidency, readCatalogue, SHIPPED } from './index.ts'

/** The catalogue's part about Bedrock. */

const { bedrock } = SHIPPED
const host = (region: string): string => `https://bedrock-runtime.${region}.amazonaws.com`
const converse = (base: string, id: string): string => `${base}/model/${encodeURIComponent(id)}/converse`
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'

describe('the shipped data', () => {
  const page = readFileSync(new URL('../../docs/residency.md', import.meta.url), 'utf8')
  const sorted = (list: Iterable<string>): string => [...list].sort().join(', ')

  it('is what docs/residency.md says of regions and profiles', () => {
    const countries = Map.groupBy(bedrock.regions.values(), ({ country }) => country)
    const rows = [...countries].map(([country, regions]) => `| ${country} | ${sorted(regions.map(({ id }) => id))} |`)
    expect(page.match(/^\| [A-Z]{2} \| .*$/gm)?.sort()).toEqual(rows.sort())
    const profiles = [...bedrock.profiles].flatMap(([prefix, list]) =>
      list.map(({ from, places }) => `| \`${prefix}.\` | ${sorted(from)} | ${(places ?? []).join(', ')} |`),
    )
    expect(page.match(/^\| `[a-z-]+\.` \|.*$/gm)?.sort()).toEqual(profiles.sort())
    expect(page).toContain(`Listed vendors: ${[...bedrock.vendors].map((vendor) => `\`${vendor}\``).join(', ')}.`)
  })

  const { partitions, profiles, vendors } = shipped.bedrock
  it.each<[string, Record<string, unknown>]>([
    ['a region twice', { partitions: { ...partitions, more: partitions.aws } }],
    [
      'a region that is none',
      { partitions: { aws: { hosts: ['a.{region}.example'], regions: { DE: ['Frankfurt'] }, source: 'aws-sdk' } } },
    ],
    [
      'a region in no country',
      { partitions: { aws: { hosts: ['a.{region}.example'], regions: { EU: ['eu-x-1'] }, source: 'aws-sdk' } } },
    ],
    [
      'a region anywhere',
      { partitions: { aws: { hosts: ['a.{region}.example'], regions: { '*': ['eu-x-1'] }, source: 'aws-sdk' } } },
    ],
    ['hosts without a region', { partitions: { aws: { hosts: ['a.example'], regions: {}, source: 'aws-sdk' } } }],
    [
      'a region inside of a label',
      { partitions: { aws: { hosts: ['a-{region}.example'], regions: {}, source: 'aws-sdk' } } },
    ],
    ['no hosts', { partitions: { aws: { hosts: [], regions: { DE: ['eu-x-1'] }, source: 'aws-sdk' } } }],
    ['a profile named like a vendor', { profiles: { anthropic: profiles.us } }],
    ['a profile with a dot', { profiles: { 'eu.x': profiles.us } }],
    [
      'a profile over an unknown region',
      { profiles: { us: { source: 'aws-docs', rows: [{ from: ['us-east-1'], to: ['us-east-1', 'us-east-9'] }] } } },
    ],
    [
      'a source outside of its profile',
      { profiles: { us: { source: 'aws-docs', rows: [{ from: ['us-east-1'], to: ['us-east-2'] }] } } },
    ],
    [
      'a source in two rows',
      { profiles: { us: { source: 'aws-docs', rows: [...profiles.us.rows, ...profiles.us.rows] } } },
    ],
    ['a profile that is no list', { profiles: { us: { source: 'aws-docs', rows: profiles.us.rows[0] } } }],
    ['vendors that are no words', { vendors: { listed: { source: 'aws-docs', names: [1] } } }],
    ['no vendors', { vendors: null }],
  ])('is refused with %s', (_, change) => {
    const content = { ...shipped, bedrock: { partitions, profiles, vendors, ...change } }
    expect(() => readCatalogue({ name: 'own.json', content })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }),
    )
  })
  it('may have no Bedrock at all', () => {
    const { bedrock: _, ...rest } = shipped
    const { catalogue } = createResidency({
      declared: [],
      catalogue: readCatalogue({ name: 'own.json', content: rest }),
    })
    expect(catalogue.resolve(converse(host('eu-central-1'), CLAUDE))).toEqual(UNKNOWN)
  })
  it('refuses an entry that a region makes as well', () => {
    const entry = { source: 'aws-docs', hosts: ['a.example'], endpoint: null, processing: null, storage: null }
    const content = { ...shipped, entries: { ...shipped.entries, 'bedrock/us-east-1': entry } }
    expect(() => readCatalogue({ name: 'own.json', content })).toThrow(/bedrock\/us-east-1 stands twice/)
  })
})
