import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Dispatch } from '../../src/core/call.ts'
import { createOpenAI } from '../../src/providers/openai.ts'
import { whole } from '../kit/index.ts'
import { BODY, provider, SECRET, TEXT, upstream } from './setup.ts'

describe('what arrives at the provider', () => {
  it('is the dispatch, the credential and the transport`s own fields, byte for byte', async () => {
    const { url, port, requests } = await upstream(whole(TEXT))
    const { open, made } = provider(url)
    const headers = { 'content-type': 'application/json', Accept: 'text/event-stream' }
    await (await open(undefined, { headers })).body.whole(1e6)
    const lines = [
      'POST /v1/chat/completions HTTP/1.1',
      `host: 127.0.0.1:${port}`,
      'connection: keep-alive',
      'content-type: application/json',
      'accept: text/event-stream',
      'accept-encoding: identity',
      `authorization: Bearer ${SECRET}`,
      `content-length: ${BODY.length}`,
      '',
      '',
    ]
    expect(requests[0]?.wire.toString('utf8')).toBe(lines.join('\r\n') + BODY.toString('utf8'))
    expect(made.address({ path: '/chat/completions', headers: {}, body: BODY })).toBe(`${url}/v1/chat/completions`)
  })

  it('has the new credential after a change', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    let key = 'one'
    const { open } = provider(url, { credential: () => key })
    for (key of ['one', 'two', 'one']) await (await open()).body.whole(1e6)
    expect(requests.map((request) => request.header('authorization'))).toEqual([
      'Bearer one',
      'Bearer two',
      'Bearer one',
    ])
  })

  it.each<[string, Partial<Dispatch>]>([
    ['a credential', { headers: { Authorization: 'Bearer x' } }],
    ['a cookie', { headers: { cookie: 'a=b' } }],
    ['a host', { headers: { host: 'evil.example' } }],
    ['a length', { headers: { 'content-length': '1' } }],
    ['a transfer coding', { headers: { 'Transfer-Encoding': 'chunked' } }],
    ['a connection field', { headers: { connection: 'close' } }],
    ['another coding of the answer', { headers: { 'accept-encoding': 'gzip' } }],
    ['a line break in a value', { headers: { accept: 'b\r\nx: y' } }],
    ['a bare line feed in a value', { headers: { accept: 'b\nx: y' } }],
    ['a NUL in a value', { headers: { accept: 'b\0' } }],
    ['what is beyond latin1 in a value', { headers: { accept: '\u010a' } }],
    ['a field twice', { headers: { accept: 'a', Accept: 'b' } }],
    ['a field that no codec writes', { headers: { 'x-forwarded-for': '10.0.0.1' } }],
    ['a field of ours', { headers: { 'x-customhouse-task': 't' } }],
    ['a line break in a name', { headers: { 'a\r\nx': 'y' } }],
    ['a colon in a name', { headers: { 'a:b': 'y' } }],
    ['another host', { url: 'http://127.0.0.1:1/v1/chat/completions' }],
    ['another scheme', { url: 'https://127.0.0.1/v1/chat/completions' }],
  ])('is nothing when a dispatch brings %s', async (_, changes) => {
    const { url, accepted, requests } = await upstream(whole(TEXT))
    const { open } = provider(url)
    await expect(open(undefined, changes)).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    await (await open()).body.whole(1e6)
    expect(requests).toHaveLength(1)
    expect(accepted()).toBe(1)
  })

  it.each([
    '/v1x',
    '/v1@evil',
    '',
    '/',
    '/v1/',
    '/v1/../admin',
    '/v1/%2e%2e/admin',
    '/v1//x',
    '/v1/x y',
    '/v1/x\r\ny',
    '/v1/x#y',
    '/v1\\x',
  ])('is nothing when the address ends in %j', async (path) => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = provider(url)
    await expect(open(undefined, { url: url + path })).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    expect(requests).toHaveLength(0)
  })

  it('is nothing when the credential is no word, and the error does not tell it', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = provider(url, { credential: () => `${SECRET}\r\nx: y` })
    const refusal = await open().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    expect(inspect(refusal, { depth: 9, showHidden: true })).not.toContain(SECRET)
    expect(requests).toHaveLength(0)
  })

  it('tells no credential when the provider itself is looked at', () => {
    const { made } = provider('http://127.0.0.1:1')
    expect(inspect(made, { depth: 9, showHidden: true })).not.toContain(SECRET)
    expect(JSON.stringify(made)).not.toContain(SECRET)
  })
})

describe('the base URL', () => {
  const made = (baseUrl: string) => () =>
    createOpenAI({
      name: 'p',
      baseUrl,
      credential: null,
      timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 },
      maxSockets: 1,
    })
  it.each(['', 'x', 'ftp://a/v1', 'https://u:secret@a/v1', 'https://a/v1?key=secret', 'https://a/v1#x', '//a/v1'])(
    '%j is refused, untold',
    (baseUrl) => {
      expect(made(baseUrl)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
      expect(made(baseUrl)).not.toThrow(/secret/)
    },
  )
  it.each([
    ['https://EU.api.openai.com:443/v1/', 'https://eu.api.openai.com/v1/chat/completions'],
    ['https://a.example', 'https://a.example/chat/completions'],
    ['http://[::1]:8000/v1', 'http://[::1]:8000/v1/chat/completions'],
  ])('%s', (baseUrl, address) => {
    expect(made(baseUrl)().address({ path: '/chat/completions', headers: {}, body: Buffer.of() })).toBe(address)
  })
})
