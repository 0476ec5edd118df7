import { describe, expect, it } from 'vitest'
import { drip, failure, head, type Script, stream, tooMany, whole } from '../kit/index.ts'
import { collect, EVENTS, provider, TEXT, upstream } from './setup.ts'

describe('an answer', () => {
  it('comes whole, and reuses connections', async () => {
    const { url, accepted } = await upstream(whole(TEXT))
    const { open } = provider(url)
    for (let i = 0; i < 9; i++) {
      const answer = await open()
      expect(answer.status).toBe(200)
      expect(JSON.parse(Buffer.from(await answer.body.whole(1e6)).toString())).toEqual(TEXT)
    }
    // undici frees a connection one turn of the loop after the answer's end, so back-to-back calls take turns on two.
    expect(accepted()).toBeLessThanOrEqual(2)
  })

  it.each([
    ['chunked', stream(EVENTS)],
    ['chunked, slowly', stream(EVENTS, { everyMs: 2 })],
    ['until the connection ends', [{ write: head(200, {}) + EVENTS.join('') }, 'fin' as const]],
    ['after an interim answer', [{ write: head(103, { link: 'x' }) }, ...stream(EVENTS)]],
    ['in small pieces', drip(EVENTS.join(''), 0, 50)],
  ] satisfies [string, Script][])('comes by iteration and whole alike: %s', async (_, script) => {
    const { url } = await upstream(script)
    const { open } = provider(url)
    expect((await collect((await open()).body)).toString()).toBe(EVENTS.join(''))
    expect(Buffer.from(await (await open()).body.whole(1e6)).toString()).toBe(EVENTS.join(''))
  })

  it.each<[string, Script, number]>([
    ['500', failure(500), 500],
    ['429', tooMany(7), 429],
    ['401', failure(401), 401],
  ])('%s is an answer like any other', async (_, script, status) => {
    const { url } = await upstream(script)
    const answer = await provider(url).open()
    expect(answer.status).toBe(status)
    expect(answer.headers['retry-after']).toBe(status === 429 ? '7' : undefined)
    expect(JSON.parse(Buffer.from(await answer.body.whole(1e6)).toString())).toHaveProperty('error.message')
  })

  it('shows the fields of the allow-list and no others', async () => {
    const fields = {
      'Content-Type': 'application/json',
      'X-Request-ID': 'req_1',
      'Retry-After': '1',
      'OpenAI-Processing-MS': '12',
      'OpenAI-Version': '2020-10-01',
      'X-RateLimit-Remaining-Tokens': '99',
      'x-ratelimit-reset-tokens': '6m0.5s',
      'x-ratelimit-remaining-project-tokens': '1,000',
      'x-ratelimit-limit-project-tokens': '7',
      'x-ratelimit-reset': '2026-01-01T00:00:00Z',
      'x-ratelimit-remaining-requests': 'Jane Doe',
      'x-ratelimit-limit': '1'.repeat(41),
      'x-ratelimit-note-to-client': '4111111111111111',
      'x-ratelimit-reset-requests': 'a\tb',
      'x-ratelimit-limit-tokens': 'caf\u00e9',
      'x-ratelimit-limit-requests': 'x'.repeat(2000),
      'Set-Cookie': 'session=1',
      'OpenAI-Organization': 'the-bank',
      'strict-transport-security': 'max-age=1',
      Server: 'cloudflare',
      'cf-ray': 'x',
      'access-control-allow-origin': '*',
      location: '/x',
      __proto__x: 'y',
    }
    const { url } = await upstream(whole(TEXT, { fields }))
    const answer = await provider(url).open()
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'req_1',
      'retry-after': '1',
      'openai-processing-ms': '12',
      'openai-version': '2020-10-01',
      'x-ratelimit-remaining-tokens': '99',
      'x-ratelimit-reset-tokens': '6m0.5s',
      'x-ratelimit-limit-project-tokens': '7',
      'x-ratelimit-reset': '2026-01-01T00:00:00Z',
    })
    answer.body.cancel()
  })

  it('is read once', async () => {
    const { url } = await upstream(whole(TEXT))
    const { body } = await provider(url).open()
    await body.whole(1e6)
    expect(() => body[Symbol.asyncIterator]()).toThrow(/read twice/)
  })

  it('is refused when it is larger than allowed, whether it had come already or comes later', async () => {
    const { url, open: sockets } = await upstream((_, index) =>
      index === 0
        ? whole('x'.repeat(2000))
        : stream(
            Array.from({ length: 50 }, () => 'x'.repeat(1000)),
            { everyMs: 1 },
          ),
    )
    const { open } = provider(url)
    const first = await open()
    await new Promise((resolve) => setTimeout(resolve, 30))
    await expect(first.body.whole(1999)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    await expect((await open()).body.whole(5000)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    await expect.poll(sockets).toBeLessThanOrEqual(1)
  })
})
