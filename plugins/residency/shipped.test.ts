import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { createResidency, lookup, readCatalogue, SHIPPED } from './index.ts'

const EEA_CH = SHIPPED.groups['EEA+CH'] ?? []
const EU: Residency = { endpoint: EEA_CH, processing: EEA_CH, storage: EEA_CH }

describe('the shipped catalogue', () => {
  it('expands EEA+CH to its 31 countries', () => {
    expect(EEA_CH).toHaveLength(31)
    for (const outside of ['GB', 'US', 'TR', 'EU']) expect(EEA_CH).not.toContain(outside)
    for (const inside of ['CH', 'NO', 'IS', 'LI', 'DE', 'HR']) expect(EEA_CH).toContain(inside)
  })
  it('is what docs/residency.md says', () => {
    const page = readFileSync(new URL('../../docs/residency.md', import.meta.url), 'utf8')
    const groups = Object.entries(SHIPPED.groups)
    const said = (places: readonly string[] | null): string =>
      places === null
        ? 'unknown'
        : (groups.find(([, codes]) => codes.join() === places.join())?.[0] ?? places.join(', '))
    const plain = [...SHIPPED.entries.values()].filter(({ region, names }) => region === null && names === null)
    const rows = plain.map(
      ({ id, hosts, residency: { endpoint, processing, storage } }) =>
        `| \`${id}\` | ${hosts.join(', ')} | ${said(endpoint)} | ${said(processing)} | ${said(storage)} |`,
    )
    expect(page.match(/^\| `[a-z]+\/[a-z]+` .*$/gm)?.sort()).toEqual(rows.sort())
  })
  it('is dated, names its sources, and promises no place for the global hosts', () => {
    expect(SHIPPED.asOf).toMatch(/^\d{4}-\d\d-\d\d$/)
    for (const row of SHIPPED.rows)
      expect(row).toMatchObject({
        author: 'catalogue',
        asOf: SHIPPED.asOf,
        source: /./.test(row.source) ? row.source : null,
      })
    for (const id of ['openai/global', 'anthropic/global', 'mistral/global'])
      expect(SHIPPED.entries.get(id)?.residency).toEqual(UNKNOWN)
    for (const outside of ['CH', 'GB', 'NO', 'IS', 'LI']) expect(SHIPPED.groups['EU-27']).not.toContain(outside)
    expect(SHIPPED.groups['EU-27']).toHaveLength(27)
  })

  const good = {
    version: 2,
    as_of: '2026-01-01',
    sources: { s: 'x' },
    groups: { G: ['DE', 'FR'] },
    entries: { 'p/g': { source: 's', hosts: ['a.example'], endpoint: ['G'], processing: ['G', 'CH'], storage: [] } },
  }
  it('reads an operator`s own file, groups and all', () => {
    const catalogue = readCatalogue({ name: 'own.json', content: good })
    const { catalogue: own } = createResidency({ declared: [], catalogue })
    expect(own.resolve('https://a.example/v1')).toEqual({
      endpoint: ['DE', 'FR'],
      processing: ['CH', 'DE', 'FR'],
      storage: [],
    })
    expect(own.resolve('https://eu.api.openai.com/v1')).toEqual(UNKNOWN)
  })
  const entry = good.entries['p/g']
  it.each<[string, unknown]>([
    ['no object', []],
    ['another version', { ...good, version: 1 }],
    ['no date', { ...good, as_of: 'today' }],
    ['no sources', { ...good, sources: {} }],
    ['a code that is none', { ...good, entries: { 'a/a': { ...entry, processing: ['EU'] } } }],
    ['a small letter', { ...good, entries: { 'a/a': { ...entry, processing: ['de'] } } }],
    ['an unknown group', { ...good, entries: { 'a/a': { ...entry, processing: ['EEA+CH'] } } }],
    ['a group named like an object member', { ...good, entries: { 'a/a': { ...entry, processing: ['constructor'] } } }],
    ['inference nowhere', { ...good, entries: { 'a/a': { ...entry, processing: [] } } }],
    [
      'a facet left out',
      { ...good, entries: { 'a/a': { source: 's', hosts: ['a.example'], endpoint: null, processing: null } } },
    ],
    ['no hosts', { ...good, entries: { 'a/a': { ...entry, hosts: [] } } }],
    ['a host in upper case', { ...good, entries: { 'a/a': { ...entry, hosts: ['A.example'] } } }],
    ['a host with a port', { ...good, entries: { 'a/a': { ...entry, hosts: ['a.example:1'] } } }],
    ['a host of two entries', { ...good, entries: { 'a/a': entry, 'b/b': entry } }],
  ])('refuses %s', (_, content) => expect(() => readCatalogue({ name: 'own.json', content })).toThrow(/.{10}/))
})

describe('lookup', () => {
  it('answers for a base URL at the entry`s host', () => {
    expect(lookup('openai/eu', 'https://eu.api.openai.com/v1')).toEqual(EU)
    expect(lookup('openai/eu', 'https://EU.api.openai.com:443/v1/')).toEqual(EU)
  })
  it.each([
    ['openai/eu', 'https://us.api.openai.com/v1', /eu\.api\.openai\.com/],
    ['openai/eu', 'https://api.openai.com/v1', /elsewhere/],
    ['openai/eu', 'http://eu.api.openai.com/v1', /elsewhere/],
    ['openai/eu', 'https://eu.api.openai.com:8443/v1', /elsewhere/],
    ['openai/eu', 'not a url', /elsewhere/],
    ['openai/mars', 'https://eu.api.openai.com/v1', /no entry "openai\/mars"; it has (openai\/\S+ ){4}and \d+ more/],
    ['azure/eu', 'https://a.openai.azure.com/openai/v1', /no entry "azure\/eu"; .*deployment's type.*declare it/],
    ['vertex/eu', 'https://a.example', /aiplatform\.eu\.rep\.googleapis\.com/],
    ['vertex/europe', 'https://a.example', /no entry "vertex\/europe"; it has (\S+ ){4}and \d+ more|did you mean/],
    ['openai/europe', 'https://eu.api.openai.com/v1', /\(did you mean "openai\/eu"\?\); it has openai\/eu, /],
    ['bedrock/eu-centrl-1', 'https://a.example', /\(did you mean "bedrock\/eu-central-1"\?\)/],
    [
      'bedrock/eu-central-1',
      'https://bedrock-runtime.eu-west-1.amazonaws.com',
      /bedrock-runtime\.eu-central-1\.api\.aws/,
    ],
  ])('%s at %s is refused', (id, baseUrl, message) => expect(() => lookup(id, baseUrl)).toThrow(message))
})
