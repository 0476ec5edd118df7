import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ProviderOptions } from '../../src/providers/adapter.ts'
import { drip, hangUp, head, redirect, reset, type Script, shortBody, silence, stream, whole } from '../kit/index.ts'
import { collect, EVENTS, ending, provider, TEXT, upstream } from './setup.ts'

const QUICK = { timeouts: { connectMs: 300, firstByteMs: 300, idleMs: 300 } }

describe('what goes wrong', () => {
  const gone = 'http://127.0.0.1:1'
  it.each<[string, string, Partial<ProviderOptions>]>([
    ['a refused connection', gone, {}],
    ['a name that does not resolve', 'http://provider.invalid', {}],
  ])('%s is UNREACHABLE', async (_, url, options) => {
    expect(await ending(provider(url, options).open, 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
  })

  it.each<[string, Script, string]>([
    ['a hang-up before the answer', hangUp, 'open ERR_PROVIDER_UNREACHABLE'],
    ['a reset before the answer', reset, 'open ERR_PROVIDER_UNREACHABLE'],
    ['a hang-up in the head', [{ write: 'HTTP/1.1 200 OK\r\ncontent-' }, 'fin'], 'open ERR_PROVIDER_UNREACHABLE'],
    ['silence', silence, 'open ERR_PROVIDER_TIMEOUT'],
    ['a head that never ends', [{ write: 'HTTP/1.1 200 OK\r\n' }, 'hold'], 'open ERR_PROVIDER_TIMEOUT'],
    ['interim answers only', [{ write: head(103, {}) }, 'hold'], 'open ERR_PROVIDER_TIMEOUT'],
    ['what is no HTTP', [{ write: 'SSH-2.0-OpenSSH_9.9\r\n' }, 'hold'], 'open ERR_PROVIDER_MALFORMED'],
    ['a head of 20 KB', [{ write: head(200, { a: 'x'.repeat(20_000) }) }, 'hold'], 'open ERR_PROVIDER_MALFORMED'],
    [
      'a control character in the head',
      whole(TEXT, { fields: { 'x-request-id': 'a\x01b' } }),
      'open ERR_PROVIDER_MALFORMED',
    ],
    ['two lengths', whole(TEXT, { fields: { 'transfer-encoding': 'chunked' } }), 'open ERR_PROVIDER_MALFORMED'],
    [
      'a transfer coding that is not undone',
      [{ write: `${head(200, { 'transfer-encoding': 'gzip' })}x` }, 'fin'],
      'open ERR_PROVIDER_MALFORMED',
    ],
    [
      'an upgrade nobody asked for',
      [{ write: head(101, { upgrade: 'x', connection: 'upgrade' }) }, 'hold'],
      'open ERR_PROVIDER_UNREACHABLE',
    ],
    ['a redirect', redirect('http://127.0.0.1:1/'), 'open ERR_PROVIDER_MALFORMED'],
    ['a permanent redirect', redirect('/v1/other', 308), 'open ERR_PROVIDER_MALFORMED'],
    ['"see other"', redirect('/v1/other', 303), 'open ERR_PROVIDER_MALFORMED'],
    ['"not modified"', [{ write: head(304, {}) }], 'open ERR_PROVIDER_MALFORMED'],
    ['a status beyond 599', whole(TEXT, { status: 700 }), 'open ERR_PROVIDER_MALFORMED'],
    ['a short body', shortBody(TEXT), 'body ERR_PROVIDER_TRUNCATED'],
    ['a short body and a reset', shortBody(TEXT, 9, 'reset'), 'body ERR_PROVIDER_TRUNCATED'],
    ['an end in mid-stream', stream(EVENTS.slice(0, 3), { ending: 'fin' }), 'body ERR_PROVIDER_TRUNCATED'],
    [
      'an end in mid-chunk',
      [...stream(EVENTS.slice(0, 3), { ending: 'hold' }).slice(0, -1), { write: 'ff\r\nda' }, 'fin'],
      'body ERR_PROVIDER_TRUNCATED',
    ],
    [
      'an end in mid-stream, announced',
      stream(EVENTS.slice(0, 3), { ending: 'fin', fields: { connection: 'close' } }),
      'body ERR_PROVIDER_TRUNCATED',
    ],
    [
      'a reset in mid-stream',
      stream(EVENTS.slice(0, 3), { ending: 'reset', everyMs: 5 }),
      'body ERR_PROVIDER_TRUNCATED',
    ],
    ['silence in mid-stream', stream(EVENTS.slice(0, 3), { ending: 'hold' }), 'body ERR_PROVIDER_TIMEOUT'],
    ['a slow drip within the idle time', drip('0123456789', 50), 'fine'],
    [
      'a chunk that is none',
      [...stream(['x'], { ending: 'hold' }).slice(0, -1), { write: 'zz\r\n' }, 'hold'],
      'body ERR_PROVIDER_MALFORMED',
    ],
  ])('%s', async (_, script, expected) => {
    const { url, requests } = await upstream(script)
    const { open } = provider(url, QUICK)
    expect(await ending(open, 'whole')).toBe(expected)
    expect(await ending(open, 'iterator')).toBe(expected)
    // Each call was written once: nothing was repeated, nothing was followed.
    expect(requests).toHaveLength(2)
  })

  it('gives the bytes that came before a break, then raises', async () => {
    const { url } = await upstream(stream(EVENTS.slice(0, 3), { ending: 'fin' }))
    const { body } = await provider(url).open()
    await new Promise((resolve) => setTimeout(resolve, 50))
    let text = ''
    await expect(
      (async () => {
        for await (const chunk of body) text += Buffer.from(chunk).toString()
      })(),
    ).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
    expect(text).toBe(EVENTS.slice(0, 3).join(''))
  })

  it('an idle connection that the provider closes costs no call', async () => {
    const { url, requests } = await upstream((_, index) => (index % 2 === 0 ? [...whole(TEXT), 'fin'] : whole(TEXT)))
    const { open } = provider(url)
    for (let i = 0; i < 6; i++) {
      expect(await ending(open, 'whole')).toBe('fine')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(requests).toHaveLength(6)
  })
})

describe('content codings that were not asked for', () => {
  it.each(['gzip', 'deflate', 'br'] as const)('%s is undone', async (encoding) => {
    const { url } = await upstream(whole(TEXT, { encoding }))
    const { open } = provider(url)
    expect(JSON.parse(Buffer.from(await (await open()).body.whole(1e6)).toString())).toEqual(TEXT)
    expect(JSON.parse((await collect((await open()).body)).toString())).toEqual(TEXT)
    expect((await open()).headers).not.toHaveProperty('content-encoding')
  })
  it('the limit holds for what comes out', async () => {
    const { url } = await upstream(whole('x'.repeat(5000), { encoding: 'gzip' }))
    const { open } = provider(url)
    await expect((await open()).body.whole(4999)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    expect(await (await open()).body.whole(5000)).toHaveLength(5000)
  })
  it('a bomb is refused, whole and by iteration', async () => {
    const { url } = await upstream(whole('x'.repeat(8 << 20), { encoding: 'gzip' }))
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe('body ERR_PROVIDER_MALFORMED')
    expect(await ending(open, 'iterator')).toBe('body ERR_PROVIDER_MALFORMED')
  })
  it.each<[string, Script, string]>([
    ['an unknown coding', whole(TEXT, { fields: { 'content-encoding': 'zstd' } }), 'open ERR_PROVIDER_MALFORMED'],
    [
      'two codings',
      whole(TEXT, { encoding: 'gzip', fields: { 'content-encoding': 'gzip, gzip' } }),
      'open ERR_PROVIDER_MALFORMED',
    ],
    [
      'what is not in the coding',
      whole(TEXT, { fields: { 'content-encoding': 'gzip' } }),
      'body ERR_PROVIDER_MALFORMED',
    ],
    ['identity', whole(TEXT, { fields: { 'content-encoding': 'Identity' } }), 'fine'],
  ])('%s', async (_, script, expected) => {
    const { url } = await upstream(script)
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe(expected)
    expect(await ending(open, 'iterator')).toBe(expected)
  })
  it('a coding that ends too early is TRUNCATED', async () => {
    const { url } = await upstream(
      whole(gzipSync(JSON.stringify(TEXT)).subarray(0, -12), { fields: { 'content-encoding': 'gzip' } }),
    )
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe('body ERR_PROVIDER_TRUNCATED')
    expect(await ending(open, 'iterator')).toBe('body ERR_PROVIDER_TRUNCATED')
  })
})
