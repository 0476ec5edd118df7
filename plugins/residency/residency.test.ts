import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallFacts, ModelCall, Residency, Target } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { createResidency, type Declared, lookup, readCatalogue, SHIPPED, within } from './index.ts'

const EEA_CH = SHIPPED.groups['EEA+CH'] ?? []
const only = (place: string): Residency => ({ endpoint: [place], processing: [place], storage: [place] })
const DECLARED: readonly Declared[] = [
  { origin: 'https://llm.bank.example:8443', residency: { endpoint: ['DE'], processing: ['DE'], storage: [] } },
  { origin: 'http://127.0.0.1:9000', residency: only('CH') },
  { origin: 'http://[::1]:9000', residency: only('CH') },
  { origin: 'https://xn--bcher-kva.example', residency: only('AT') },
]
const EU: Residency = { endpoint: EEA_CH, processing: EEA_CH, storage: EEA_CH }

const CALL: CallFacts = {
  id: '0',
  principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  dialect: 'openai.chat',
  operation: 'chat',
  model: 'm',
  stream: false,
  task: null,
  classes: [],
  estimate: { inputTokens: 1, maxOutputTokens: null },
  tools: [],
  references: [],
  headers: {},
  metadata: {},
}
const target = (residency: Residency): Target => ({
  id: 'p/m',
  provider: 'p',
  model: 'm',
  kind: 'openai',
  dialects: ['openai.chat'],
  tenants: null,
  residency,
  contract: [],
})

describe('resolve', () => {
  const { catalogue } = createResidency({ declared: DECLARED })

  it.each<[string, Residency]>([
    ['https://eu.api.openai.com/v1/chat/completions', EU],
    ['https://eu.api.openai.com', EU],
    ['https://eu.api.openai.com/?a=b', EU],
    ['https://us.api.openai.com/v1', only('US')],
    ['https://jp.api.openai.com/v1', only('JP')],
    ['https://in.api.openai.com/v1', only('IN')],
    ['https://au.api.openai.com/v1', only('AU')],
    ['https://ae.api.openai.com/v1', { endpoint: null, processing: ['AE'], storage: ['AE'] }],
    ['https://api.openai.com/v1', UNKNOWN],
    ['https://mtls.api.openai.com/v1', UNKNOWN],
    ['https://api.anthropic.com/v1/messages', UNKNOWN],
    ['https://api.mistral.ai/v1', UNKNOWN],
    ['https://api.us.mistral.ai/v1', { endpoint: null, processing: ['US'], storage: null }],
    ['https://llm.bank.example:8443/v1/x', { endpoint: ['DE'], processing: ['DE'], storage: [] }],
    ['http://127.0.0.1:9000/v1', only('CH')],
    ['http://[::1]:9000/v1', only('CH')],
    ['https://xn--bcher-kva.example/v1', only('AT')],
  ])('%s is known', (url, residency) => expect(catalogue.resolve(url)).toEqual(residency))

  it.each([
    ['clear text at a catalogue host', 'http://eu.api.openai.com/v1'],
    ['another port', 'https://eu.api.openai.com:8443/v1'],
    ['the default port spelled out', 'https://eu.api.openai.com:443/v1'],
    ['no port where one was declared', 'https://llm.bank.example/v1'],
    ['clear text where TLS was declared', 'http://llm.bank.example:8443/v1'],
    ['another port than the declared one', 'http://127.0.0.1:9001/v1'],
    ['upper case', 'https://EU.api.openai.com/v1'],
    ['an upper-case scheme', 'HTTPS://eu.api.openai.com/v1'],
    ['a trailing dot', 'https://eu.api.openai.com./v1'],
    ['a user', 'https://eu.api.openai.com@evil.example/v1'],
    ['a user before the right host', 'https://evil.example@eu.api.openai.com/v1'],
    ['an empty user', 'https://@eu.api.openai.com/v1'],
    ['user and password', 'https://eu.api.openai.com:443@evil.example/v1'],
    ['a percent-encoded host', 'https://%65u.api.openai.com/v1'],
    ['a percent-encoded dot', 'https://eu%2Eapi.openai.com/v1'],
    ['a full-width dot', 'https://eu\u3002api.openai.com/v1'],
    ['full-width letters', 'https://\uff45\uff55.api.openai.com/v1'],
    ['a Cyrillic letter', 'https://eu.\u0430pi.openai.com/v1'],
    ['the Cyrillic letter in punycode', 'https://eu.xn--pi-7kc.openai.com/v1'],
    ['a soft hyphen', 'https://e\u00adu.api.openai.com/v1'],
    ['a zero-width joiner', 'https://eu\u200d.api.openai.com/v1'],
    ['Unicode where punycode was declared', 'https://b\u00fccher.example/v1'],
    ['a suffix', 'https://eu.api.openai.com.evil.example/v1'],
    ['a prefix', 'https://evileu.api.openai.com/v1'],
    ['a subdomain', 'https://x.eu.api.openai.com/v1'],
    ['the parent domain', 'https://openai.com/v1'],
    ['a backslash', 'https://eu.api.openai.com\\@evil.example/v1'],
    ['a backslash for the path', 'https://eu.api.openai.com\\v1'],
    ['a missing slash', 'https:/eu.api.openai.com/v1'],
    ['no slash', 'https:eu.api.openai.com/v1'],
    ['three slashes', 'https:///eu.api.openai.com/v1'],
    ['no scheme', '//eu.api.openai.com/v1'],
    ['white space before', ' https://eu.api.openai.com/v1'],
    ['white space after', 'https://eu.api.openai.com/v1 '],
    ['a tab inside', 'https://eu.api.\topenai.com/v1'],
    ['a line break inside', 'https://eu.api.openai.com\n/v1'],
    ['a line break in the path', 'https://eu.api.openai.com/v1\r\nhost: evil.example'],
    ['a NUL', 'https://eu.api.openai.com\0.evil.example/v1'],
    ['dot segments', 'https://eu.api.openai.com/v1/../../x'],
    ['encoded dot segments', 'https://eu.api.openai.com/v1/%2e%2e/x'],
    ['a decimal IP', 'http://2130706433:9000/v1'],
    ['a hexadecimal IP', 'http://0x7f000001:9000/v1'],
    ['an octal IP', 'http://0177.0.0.1:9000/v1'],
    ['a short IP', 'http://127.1:9000/v1'],
    ['a long IPv6', 'http://[0:0:0:0:0:0:0:1]:9000/v1'],
    ['a mapped IPv6', 'http://[::ffff:127.0.0.1]:9000/v1'],
    ['a port with zeros', 'http://127.0.0.1:09000/v1'],
    ['another name of the same address', 'http://localhost:9000/v1'],
    ['a web socket', 'wss://eu.api.openai.com/v1'],
    ['a blob', 'blob:https://eu.api.openai.com/v1'],
    ['a file', 'file://eu.api.openai.com/v1'],
    ['the host in the query', 'https://evil.example/?https://eu.api.openai.com/v1'],
    ['the host in the fragment', 'https://evil.example/#@eu.api.openai.com/'],
    ['nothing', ''],
    ['an object member', 'https://__proto__/v1'],
  ])('%s is unknown', (_, url) => expect(catalogue.resolve(url)).toEqual(UNKNOWN))

  it('knows an origin only where the URL standard writes it exactly so', () => {
    const known = ['eu.api.openai.com', 'llm.bank.example:8443', '127.0.0.1:9000']
    const noise = fc.string({ maxLength: 4, unit: 'binary' })
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(24), noise, fc.boolean(), (host, at, text, secure) => {
        const url = `${secure ? 'https' : 'http'}://${host.slice(0, at)}${text}${host.slice(at)}/v1`
        if (catalogue.resolve(url).processing === null) return
        expect(new URL(url).host).toBe(host)
        expect(url.startsWith(`${new URL(url).origin}/`)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('within', () => {
  const places = fc.uniqueArray(fc.constantFrom('DE', 'FR', 'CH', 'US', '*'), { maxLength: 4 })
  const somewhere = fc.uniqueArray(fc.constantFrom('DE', 'FR', 'CH', 'US', '*'), { minLength: 1, maxLength: 4 })
  const known: fc.Arbitrary<Residency> = fc.record({ endpoint: somewhere, processing: somewhere, storage: places })
  const any: fc.Arbitrary<Residency> = fc.record({
    endpoint: fc.option(places),
    processing: fc.option(places),
    storage: fc.option(places),
  })
  const everywhere: Residency = only('*')

  it('is reflexive for the known, and `*` admits all of it', () => {
    fc.assert(
      fc.property(known, (a) => {
        expect(within(a, a)).toBe(true)
        expect(within(a, everywhere)).toBe(true)
      }),
    )
  })
  it('is transitive', () => {
    fc.assert(
      fc.property(any, any, any, (a, b, c) => !(within(a, b) && within(b, c)) || within(a, c)),
      { numRuns: 2000 },
    )
  })
  it('never admits the unknown, nor anything within the unknown', () => {
    fc.assert(
      fc.property(any, any, fc.constantFrom('endpoint', 'processing', 'storage'), (a, b, facet) => {
        expect(within({ ...a, [facet]: null }, b)).toBe(false)
        expect(within(a, { ...b, [facet]: null })).toBe(false)
      }),
    )
  })
  it('shrinks with the inner set and grows with the outer one', () => {
    fc.assert(
      fc.property(known, known, fc.constantFrom('DE', 'US', '*'), (a, b, place) => {
        const wider = { ...b, processing: [...(b.processing ?? []), place] }
        expect(within(a, b) && !within(a, wider)).toBe(false)
        const narrower = { ...a, processing: (a.processing ?? []).slice(0, 1) }
        expect(within(a, b) && !within(narrower, b)).toBe(false)
      }),
    )
  })
  it('admits `*` only in `*`, and an empty set for storage only', () => {
    expect(within(only('*'), only('DE'))).toBe(false)
    expect(within({ ...only('DE'), storage: [] }, only('DE'))).toBe(true)
    expect(within({ ...only('DE'), processing: [] }, only('DE'))).toBe(false)
    expect(within({ ...only('DE'), endpoint: [] }, everywhere)).toBe(false)
    expect(within(only('DE'), { ...only('DE'), storage: [] })).toBe(false)
  })
})

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

describe('declarations', () => {
  const declare = (origin: string, residency: Residency) => createResidency({ declared: [{ origin, residency }] })

  it('may say of the global host that it may be anywhere, and where its project stores', () => {
    const residency = { endpoint: ['*'], processing: ['*'], storage: ['KR'] }
    expect(declare('https://api.openai.com', residency).catalogue.resolve('https://api.openai.com/v1')).toEqual(
      residency,
    )
  })
  it('may widen what a provider promises', () => {
    const residency = { endpoint: ['US', 'CA'], processing: ['US'], storage: ['*'] }
    const { catalogue } = declare('https://us.api.openai.com', residency)
    expect(catalogue.resolve('https://us.api.openai.com/v1').endpoint).toEqual(['CA', 'US'])
  })
  it('expand groups', () => {
    const { catalogue } = declare('https://a.example', { ...only('DE'), processing: ['EEA+CH', 'GB'] })
    expect(catalogue.resolve('https://a.example/v1').processing).toHaveLength(32)
  })
  it.each<[string, string, Residency]>([
    ['a place that the global host does not promise', 'https://api.openai.com', only('DE')],
    ['a narrower place than promised', 'https://eu.api.openai.com', only('DE')],
    ['another place than promised', 'https://us.api.openai.com', only('DE')],
    ['a narrower place, on another port of the host', 'https://eu.api.openai.com:8443', only('DE')],
    ['a narrower place, without TLS', 'http://eu.api.openai.com', only('DE')],
    ['a narrower place, without TLS and on another port', 'http://us.api.openai.com:8080', only('DE')],
    ['a dot at the end of a catalogue host', 'https://eu.api.openai.com.', only('DE')],
    ['a dot at the end of any host', 'https://a.example.', only('DE')],
    ['a path', 'https://a.example/v1', only('DE')],
    ['a slash', 'https://a.example/', only('DE')],
    ['upper case', 'https://A.example', only('DE')],
    ['the default port', 'https://a.example:443', only('DE')],
    ['a user', 'https://u@a.example', only('DE')],
    ['no scheme of HTTP', 'ftp://a.example', only('DE')],
    ['no URL', 'a.example', only('DE')],
    ['no ISO code', 'https://a.example', only('UK')],
    ['inference nowhere', 'https://a.example', { ...only('DE'), processing: [] }],
  ])('are refused: %s', (_, origin, residency) => {
    expect(() => declare(origin, residency)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
  })
  it('name what they lack', () => {
    const rest = EEA_CH.filter((place) => place !== 'DE').join(', ')
    expect(() => declare('https://eu.api.openai.com', { ...EU, processing: ['DE'] })).toThrow(
      `processing declared for https://eu.api.openai.com is narrower than what the provider promises there: it lacks ${rest}.`,
    )
    expect(() => declare('https://api.openai.com', only('DE'))).toThrow(/endpoint names places .* promises none/)
  })
  it('are refused when they contradict each other', () => {
    const origin = 'https://a.example'
    const twice = (second: Residency) => () =>
      createResidency({
        declared: [
          { origin, residency: only('DE') },
          { origin, residency: second },
        ],
      })
    expect(twice(only('FR'))).toThrow(/twice/)
    expect(twice(only('DE'))).not.toThrow()
  })
})

describe('facts', () => {
  const { plugin, catalogue } = createResidency({ declared: DECLARED })
  it.each<[string, string, string | null]>([
    ['https://eu.api.openai.com/v1', 'catalogue', SHIPPED.asOf],
    ['https://llm.bank.example:8443/v1', 'declared', null],
  ])('tell the sets, the source and its date: %s', async (url, source, asOf) => {
    const residency = catalogue.resolve(url)
    const told = {
      ...residency,
      source,
      as_of: asOf,
      entry: asOf === null ? null : 'openai/eu',
      host: new URL(url).host,
      switches: [],
    }
    expect(await plugin.facts?.(CALL, target(residency))).toEqual(told)
    expect(await plugin.facts?.(CALL, target({ ...residency }))).toEqual(told)
  })
  it('tell the weaker source where a declaration says what the catalogue says of another host', () => {
    const { plugin: both } = createResidency({ declared: [{ origin: 'https://a.example', residency: only('US') }] })
    expect(both.facts?.(CALL, target(only('US')))).toMatchObject({ source: 'declared', as_of: null })
  })
  it('know a residency whatever the order of its places', () => {
    const residency = { ...EU, storage: [...EEA_CH, 'AT'].reverse() }
    expect(plugin.facts?.(CALL, target(residency))).toMatchObject({ source: 'catalogue' })
  })
  it('throw, and so deny, for a target whose residency nobody vouches for', () => {
    expect(() => plugin.facts?.(CALL, target(only('SE')))).toThrow(/p\/m/)
  })
})

describe('residency.pin', () => {
  const { plugin } = createResidency({ declared: [] })
  const pin = plugin.discharge?.['residency.pin']
  const call: ModelCall = { ...CALL, segments: [], unread: [], body: null }
  const order = (residency: Residency, params: Record<string, Json>) =>
    pin?.request?.({
      call,
      target: target(residency),
      obligation: { type: 'residency.pin', params },
      segments: [],
      findings: [],
      signal: new AbortController().signal,
    })
  const europe = { endpoint: ['EEA+CH'], processing: ['EEA+CH'], storage: ['EEA+CH'] }

  it('stands in stage pin, for requests only', () => {
    expect(pin?.stage).toBe('pin')
    expect(pin?.response).toBeUndefined()
  })
  it.each<[string, Residency, Record<string, Json>]>([
    ['Europe in Europe', EU, europe],
    ['Germany in Europe', only('DE'), europe],
    ['nothing stored', { ...only('CH'), storage: [] }, europe],
    ['anywhere in anywhere', only('*'), { endpoint: ['*'], processing: ['*'], storage: ['*'] }],
  ])('is met: %s', (_, residency, params) => {
    const expanded = Object.fromEntries(
      Object.entries(params).map(([facet, list]) => [
        facet,
        Array.isArray(list) && list.includes('EEA+CH') ? EEA_CH : list,
      ]),
    )
    expect(order(residency, params)).toEqual({ met: true, pin: expanded })
  })
  it('is carried out for itself, whatever pins were asked before it', async () => {
    const list = fc.constantFrom<Json>(['DE'], ['DE', 'DE'], ['DE', 'FR'], ['FR', 'DE'], ['DE', 'EU'], ['*'], [], [1])
    const params = fc.array(fc.record({ endpoint: list, processing: fc.constant(['DE']), storage: list }), {
      maxLength: 24,
    })
    const pinned = (known: typeof pin, one: Record<string, Json>) =>
      known?.request?.({
        call,
        target: target(only('DE')),
        obligation: { type: 'residency.pin', params: one },
        segments: [],
        findings: [],
        signal: new AbortController().signal,
      })
    await fc.assert(
      fc.asyncProperty(params, async (asked) => {
        for (const one of asked) {
          const fresh = createResidency({ declared: [] }).plugin.discharge?.['residency.pin']
          expect(await pinned(pin, one)).toEqual(await pinned(fresh, one))
        }
      }),
      { numRuns: 300 },
    )
  })
  it.each<[string, Residency, Record<string, Json>]>([
    ['the unknown', UNKNOWN, { endpoint: ['*'], processing: ['*'], storage: ['*'] }],
    ['unknown storage', { ...EU, storage: null }, europe],
    ['anywhere in Europe', only('*'), europe],
    ['one facet outside', { ...EU, endpoint: ['US'] }, europe],
    ['Europe in Germany', EU, { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }],
    ['no params', EU, {}],
    ['a facet left out', EU, { endpoint: ['EEA+CH'], processing: ['EEA+CH'] }],
    ['a facet that is null', EU, { ...europe, storage: null }],
    ['a string for a list', EU, { ...europe, storage: '*' }],
    ['no place at all', EU, { ...europe, processing: [] }],
    ['a place that is none', EU, { ...europe, processing: ['EU'] }],
    ['a number', EU, { ...europe, processing: [1] }],
  ])('is not met: %s', (_, residency, params) => {
    expect(order(residency, params)).toMatchObject({ met: false, code: 'region_unpinnable' })
  })
})
