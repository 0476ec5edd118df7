import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { whole } from '../kit/index.ts'
import { at, KINDS, named } from './kinds.ts'
import { BODY, TEXT, upstream } from './setup.ts'

describe('paths of models', () => {
  const bedrock = named('bedrock')
  it.each([
    '/model/amazon.nova-lite-v1:0/converse',
    '/model/amazon.nova-lite-v1%3A0/converse',
    '/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-v2%3A1/invoke',
    '/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A%3Afoundation-model%2Fanthropic.claude-v2%3A1/invoke-with-response-stream',
    '/model/a..b/converse',
  ])('%s goes on the wire as it was recorded', async (path) => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open, made } = at(bedrock, url)
    expect(made.address({ path, headers: {}, body: BODY })).toBe(`${url}${path}`)
    await (await open({ url: `${url}${path}` })).body.whole(1e6)
    expect(requests[0]?.path).toBe(path)
  })

  const refused = [
    '/model/%2e%2e/converse',
    '/model/%2E%2E/converse',
    '/model/a%2Eb/converse',
    '/model/a%2eb/converse',
    '/model/a%00b/converse',
    '/model/a%253A0/converse',
    '/model/a%25/converse',
    '/model/a%3a0/converse',
    '/model/a%2fb/converse',
    '/model/a%5Cb/converse',
    '/model/a%2F..%2Fb/converse',
    '/model/a%2F.b/converse',
    '/model/a%2F%2Fb/converse',
    '/model/%2Fa/converse',
    '/model/a%2F/converse',
    '/model/../converse',
    '/model//converse',
    '/model/a/converse?x=1',
    '/model/a/converse#x',
    '/model/a%',
    '/model/a%3/converse',
    '/model/a%3Fx=1/converse',
    '/model/a%23b/converse',
    '/model/a%20b/converse',
    '/model/a%C3%A9/converse',
    '%2Fmodel/a/converse',
    '',
    '/',
  ]
  it.each(refused)('%j is refused', async (path) => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open, made } = at(bedrock, url)
    await expect(open({ url: `${url}${path}` })).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    expect(() => made.address({ path, headers: {}, body: BODY })).toThrow(/another address/)
    expect(requests).toHaveLength(0)
  })

  it('a path that is accepted is one path to whoever decodes it, once or twice, and to the parser of URLs', () => {
    const { made } = at(bedrock, 'https://a.example')
    const piece = fc.constantFrom(
      'a',
      '.',
      '..',
      '/',
      '%2F',
      '%3A',
      ':',
      '%2E',
      '%25',
      '%00',
      '%',
      '?',
      '#',
      '\\',
      '@',
      '-',
      'é',
      ' ',
    )
    let accepted = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = `/model/${pieces.join('')}/converse`
        let address: string
        try {
          address = made.address({ path, headers: {}, body: BODY })
        } catch {
          return
        }
        accepted += 1
        const url = new URL(address)
        expect([url.href, url.origin, url.pathname, url.search]).toEqual([address, 'https://a.example', path, ''])
        const once = decodeURIComponent(path)
        expect(decodeURIComponent(once)).toBe(once)
        expect(new URL(once, 'https://a.example').pathname).toBe(once)
        expect(once).not.toMatch(/\/\//)
      }),
      { numRuns: 5000 },
    )
    expect(accepted).toBeGreaterThan(50)
  })

  it.each(KINDS.filter(({ kind }) => kind !== 'bedrock').map((kind) => [kind.kind, kind] as const))(
    '%s admits no percent-encoding at all',
    (_, kind) => {
      const { made } = at(kind, 'https://a.example')
      for (const path of ['/v1/a%3Ab', '/v1/a%2Fb', '/v1/%2e']) {
        expect(() => made.address({ path, headers: {}, body: BODY })).toThrow(/another address/)
      }
    },
  )
})
