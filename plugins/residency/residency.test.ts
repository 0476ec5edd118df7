import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, Residency, Target } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { FACTS } from '../../test/kit/facts.ts'
import { createResidency, type Declared, SHIPPED } from './index.ts'

const EEA_CH = SHIPPED.groups['EEA+CH'] ?? []
const only = (place: string): Residency => ({ endpoint: [place], processing: [place], storage: [place] })
const DECLARED: readonly Declared[] = [
  { origin: 'https://llm.bank.example:8443', residency: { endpoint: ['DE'], processing: ['DE'], storage: [] } },
  { origin: 'http://127.0.0.1:9000', residency: only('CH') },
  { origin: 'http://[::1]:9000', residency: only('CH') },
  { origin: 'https://xn--bcher-kva.example', residency: only('AT') },
]
const EU: Residency = { endpoint: EEA_CH, processing: EEA_CH, storage: EEA_CH }

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
    expect(await plugin.facts?.(FACTS, target(residency))).toEqual(told)
    expect(await plugin.facts?.(FACTS, target({ ...residency }))).toEqual(told)
  })
  it('tell the weaker source where a declaration says what the catalogue says of another host', () => {
    const { plugin: both } = createResidency({ declared: [{ origin: 'https://a.example', residency: only('US') }] })
    expect(both.facts?.(FACTS, target(only('US')))).toMatchObject({ source: 'declared', as_of: null })
  })
  it('know a residency whatever the order of its places', () => {
    const residency = { ...EU, storage: [...EEA_CH, 'AT'].reverse() }
    expect(plugin.facts?.(FACTS, target(residency))).toMatchObject({ source: 'catalogue' })
  })
  it('throw, and so deny, for a target whose residency nobody vouches for', () => {
    expect(() => plugin.facts?.(FACTS, target(only('SE')))).toThrow(/p\/m/)
  })
})

describe('residency.pin', () => {
  const { plugin } = createResidency({ declared: [] })
  const pin = plugin.discharge?.['residency.pin']
  const call: ModelCall = { ...FACTS, segments: [], unread: [], body: null }
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
