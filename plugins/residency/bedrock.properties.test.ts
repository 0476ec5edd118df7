import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallFacts, Residency, Target } from '../../src/core/call.ts'
import { FACTS } from '../../test/kit/facts.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { createResidency, SHIPPED, within } from './index.ts'

/** Bedrock: what holds for any name, any region and any spelling. */

const { bedrock } = SHIPPED
const EU = 'DE ES FR IE IT SE'
const ME = '123456789012'
const host = (region: string): string => `https://bedrock-runtime.${region}.amazonaws.com`
const converse = (base: string, id: string): string => `${base}/model/${encodeURIComponent(id)}/converse`
const arn = (region: string, rest: string, partition = 'aws'): string => `arn:${partition}:bedrock:${region}:${rest}`

describe('for any id and region', () => {
  const region = fc.constantFrom(...bedrock.regions.keys())
  const vendor = fc.constantFrom(...bedrock.vendors, 'unheard', '')
  const prefix = fc.constantFrom(...bedrock.profiles.keys(), 'global', 'ca', 'EU', '')
  const name = fc
    .tuple(prefix, vendor, fc.constantFrom('claude-v2', 'nova-lite-v1:0', 'gpt-5.5', 'x:0:4k', ''))
    .map((parts) => parts.filter((part) => part !== '').join('.'))
  const kind = fc.constantFrom(
    'foundation-model',
    'inference-profile',
    'provisioned-model',
    'imported-model',
    'prompt-router',
    'custom-model',
  )
  const anyArn = fc
    .tuple(
      fc.constantFrom('aws', 'aws-us-gov', 'aws-eusc'),
      region,
      fc.constantFrom('', ME),
      kind,
      fc.oneof(name, fc.constant('abcdefghij12')),
    )
    .map(([partition, where, account, type, rest]) => arn(where, `${account}:${type}/${rest}`, partition))
  const id = fc.oneof(
    name,
    anyArn,
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc.tuple(name, fc.string({ maxLength: 3, unit: 'binary' })).map(([a, b]) => a + b),
  )
  const sendable = id.filter(
    (one) => one.isWellFormed() && !one.includes('%') && one !== '.' && one !== '..' && one !== '',
  )

  const places = fc.uniqueArray(fc.constantFrom('DE', 'US', 'JP', '*'), { minLength: 1 })
  const residency: fc.Arbitrary<Residency> = fc.record({
    endpoint: places,
    processing: places,
    storage: fc.oneof(places, fc.constant([])),
  })

  const shippedHouse = createResidency({ declared: [] })
  const suffixOf = (where: string): string => bedrock.regions.get(where)?.hosts[0] ?? ''

  it('the address says what the target says, and neither is narrower than the profile', () => {
    fc.assert(
      fc.property(region, sendable, (where, model) => {
        const baseUrl = `https://${suffixOf(where)}`
        const told = shippedHouse.residencyOf({ kind: 'bedrock', baseUrl, model })
        expect(shippedHouse.catalogue.resolve(converse(baseUrl, model))).toEqual(told)
        expectNoNarrower(told, where, model)
      }),
      { numRuns: 5000 },
    )
  })
  it('so it is for declarations, which nothing narrows', () => {
    fc.assert(
      fc.property(region, sendable, residency, (where, model, declared) => {
        const origin = 'https://a.example'
        const { catalogue, residencyOf, plugin } = createResidency({
          declared: [{ origin, residency: declared, region: where }],
        })
        const told = residencyOf({ kind: 'bedrock', baseUrl: `${origin}/x`, model })
        expect(catalogue.resolve(converse(`${origin}/x`, model))).toEqual(told)
        expectNoNarrower(told, where, model)
        const { endpoint, processing, storage } = told
        expect(endpoint).toEqual([...(declared.endpoint ?? [])].sort())
        if (processing !== null && storage !== null) {
          expect(within({ ...declared, storage: declared.storage }, told)).toBe(true)
          // The plugin vouches for what it said itself.
          expect(plugin.facts?.(CALL, { ...TARGET, model, residency: told })).toMatchObject({ processing, storage })
        }
      }),
      { numRuns: 2000 },
    )
  })
  it('no spelling of a path makes it narrower than the id that a server would read', () => {
    const spelling = fc.constantFrom(
      '%3A',
      ':',
      '%3a',
      '%253A',
      '%2F',
      '/',
      '%2f',
      '.',
      '%2E',
      '',
      'eu.',
      '%65u.',
      ';',
      '//',
    )
    fc.assert(
      fc.property(
        fc.constantFrom('eu.', 'global.', 'us.', ''),
        spelling,
        spelling,
        fc.nat(30),
        (geo, one, two, cut) => {
          const text = `${geo}anthropic.claude-v2:1`
          const spelt = `${text.slice(0, cut)}${one}${text.slice(cut)}${two}`.replace(':1', `${one}1`)
          const { processing } = shippedHouse.catalogue.resolve(`${host('eu-central-1')}/model/${spelt}/converse`)
          if (processing === null) return
          // A server decodes once, and takes what is between.
          const read = decodeURIComponent(spelt)
          expect(processing).toEqual(read.startsWith('eu.') ? EU.split(' ') : ['DE'])
          expect(read).toMatch(/^(eu\.)?anthropic\.[^/;%]+$/)
        },
      ),
      { numRuns: 5000 },
    )
  })

  /** By the file itself, not by the code that reads it. */
  function expectNoNarrower({ processing, storage }: Residency, where: string, model: string): void {
    if (processing === null) return
    const rows = Object.entries(shipped.bedrock.profiles).filter(([geo]) => new RegExp(`(^|/)${geo}\\.`).test(model))
    for (const [, list] of rows) {
      const row = list.rows.find(({ from }) => from.includes(where))
      for (const to of row?.to ?? []) {
        const country = bedrock.regions.get(to)?.country
        for (const facet of [processing, storage])
          expect(facet === null || facet.includes('*') || facet.includes(country ?? '')).toBe(true)
      }
    }
    if (/(^|\/)(global|ca|EU)\./.test(model))
      expect([processing, storage].every((facet) => facet === null || facet.includes('*'))).toBe(true)
  }
})

const CALL: CallFacts = { ...FACTS, dialect: 'bedrock.converse' }
const TARGET: Omit<Target, 'residency' | 'model'> = {
  id: 'p/m',
  provider: 'p',
  kind: 'bedrock',
  dialects: ['bedrock.converse'],
  tenants: null,
  contract: [],
}
