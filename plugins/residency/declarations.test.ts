import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { createResidency, SHIPPED } from './index.ts'

/** What an operator may say of an address. */

const EEA_CH = SHIPPED.groups['EEA+CH'] ?? []
const only = (place: string): Residency => ({ endpoint: [place], processing: [place], storage: [place] })
const EU: Residency = { endpoint: EEA_CH, processing: EEA_CH, storage: EEA_CH }

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
