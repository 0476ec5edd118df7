import { inspect } from 'node:util'
import { beforeEach, describe, expect, it, test } from 'vitest'
import type { PoolOptions } from '../../src/providers/pool.ts'
import { proxiesOf } from '../../src/providers/proxy.ts'
import { selfSigned, stream, whole } from '../kit/index.ts'
import { type Conduct, type ConnectProxy, startProxy } from './connect-proxy.ts'
import { closing, collect, EVENTS, ending, provider, SECRET, TEXT, upstream } from './setup.ts'

const tls = selfSigned(['localhost'])
const PASSWORD = 'pro%21xy-secret'
// A call may take longer by far than a proxy: undici's timers are late by up to a second.
const QUICK = { connectMs: 300, firstByteMs: 5000, idleMs: 800 }
let proxy: ConnectProxy

beforeEach(async () => {
  proxy = await startProxy()
  closing(() => proxy.close())
})
const by = (env: Readonly<Record<string, string>>): Pick<PoolOptions, 'proxies'> => ({ proxies: proxiesOf('p', env) })
const through = () => by({ HTTPS_PROXY: `http://ann:${PASSWORD}@127.0.0.1:${proxy.port}` })

describe('by way of a proxy', () => {
  it('a call goes through a tunnel; the proxy sees where to, its own credential, and nothing else', async () => {
    const { url, port, requests } = await upstream(whole(TEXT), { ...tls, alpn: ['h2', 'http/1.1'] })
    const { open } = provider(url, { tls: { ca: tls.cert }, ...through() })
    const answer = await open()
    expect(JSON.parse(Buffer.from(await answer.body.whole(1e6)).toString())).toEqual(TEXT)
    expect(proxy.heads).toHaveLength(1)
    const [head = ''] = proxy.heads
    expect(head).toMatch(new RegExp(`^CONNECT localhost:${port} HTTP/1\\.1\r\n`))
    expect(head).toContain(`proxy-authorization: Basic ${Buffer.from('ann:pro!xy-secret').toString('base64')}\r\n`)
    expect(head).not.toContain(SECRET)
    const names = head
      .split('\r\n')
      .slice(1, -2)
      .map((line) => line.split(':')[0]?.toLowerCase())
    expect(names.sort()).toEqual(['connection', 'host', 'proxy-authorization', 'proxy-connection'])
    // Inside the tunnel it is the call as it would be without a proxy.
    expect(requests[0]?.head.toString('latin1')).toBe(
      [
        'POST /v1/chat/completions HTTP/1.1',
        `host: localhost:${port}`,
        'connection: keep-alive',
        'content-type: application/json',
        'accept-encoding: identity',
        `authorization: Bearer ${SECRET}`,
        `content-length: ${requests[0]?.body.length}`,
        '',
        '',
      ].join('\r\n'),
    )
  })

  it('keeps tunnels, one call at a time on each, and streams', async () => {
    const { url, accepted, requests } = await upstream(stream(EVENTS), tls)
    const { open, made } = provider(url, { tls: { ca: tls.cert }, maxSockets: 3, ...through() })
    const texts = await Promise.all(
      Array.from({ length: 12 }, async () => (await collect((await open()).body)).toString()),
    )
    expect(new Set(texts)).toEqual(new Set([EVENTS.join('')]))
    expect(requests).toHaveLength(12)
    expect(accepted()).toBeLessThanOrEqual(3)
    expect(proxy.heads).toHaveLength(accepted())
    await made.close()
    await expect(open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
  })

  it('never pipelines and never sends a call twice', async () => {
    const { url, requests, waitFor } = await upstream(whole(TEXT, { delayMs: 60 }), tls)
    const { open } = provider(url, { tls: { ca: tls.cert }, maxSockets: 1, ...through() })
    const [first, second] = [open(), open()]
    await waitFor(1)
    await (await first).body.whole(1e6)
    await (await second).body.whole(1e6)
    expect((requests[1]?.at ?? 0) - (requests[0]?.at ?? 0)).toBeGreaterThan(50)
    expect(requests).toHaveLength(2)
  })

  it.each<[string, Conduct, string, string]>([
    [
      'wants a credential',
      { write: 'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n' },
      'open ERR_PROVIDER_UNREACHABLE',
      'PROXY_407',
    ],
    [
      'cannot reach it',
      { write: 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno' },
      'open ERR_PROVIDER_UNREACHABLE',
      'PROXY_502',
    ],
    ['forbids it', { write: 'HTTP/1.1 403 Forbidden\r\n\r\n' }, 'open ERR_PROVIDER_UNREACHABLE', 'PROXY_403'],
    [
      'redirects',
      { write: 'HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\n\r\n' },
      'open ERR_PROVIDER_UNREACHABLE',
      'PROXY_302',
    ],
    ['hangs up', { write: '' }, 'open ERR_PROVIDER_UNREACHABLE', ''],
    ['speaks no HTTP', { write: 'SSH-2.0-OpenSSH_9.9\r\n' }, 'open ERR_PROVIDER_MALFORMED', ''],
    ['is silent', 'silence', 'open ERR_PROVIDER_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT'],
    ['dies in the handshake', { breakAfter: 100 }, 'open ERR_PROVIDER_UNREACHABLE', ''],
  ])('one that %s', async (_, conduct, expected, reason) => {
    const { url, requests } = await upstream(whole(TEXT), tls)
    proxy.conduct(conduct)
    const { open } = provider(url, { tls: { ca: tls.cert }, timeouts: QUICK, ...through() })
    const error: unknown = await open().catch((raised: unknown) => raised)
    const told = inspect(error, { depth: 9, showHidden: true })
    for (const secret of [PASSWORD, 'pro!xy', Buffer.from('ann:pro!xy-secret').toString('base64'), 'ann:', SECRET]) {
      expect(told).not.toContain(secret)
    }
    expect(told).toContain(reason)
    expect(await ending(() => open(), 'whole')).toBe(expected)
    expect(requests).toHaveLength(0)
    // One CONNECT for each call: a refusal is final.
    expect(proxy.heads).toHaveLength(2)
    proxy.conduct('tunnel')
    await expect.poll(() => ending(() => open(), 'whole'), { timeout: 5000 }).toBe('fine')
  })

  it('one that dies in the middle of an answer is TRUNCATED; one that is not there, UNREACHABLE', async () => {
    const { url } = await upstream(stream(EVENTS, { ending: 'hold' }), tls)
    const { open } = provider(url, { tls: { ca: tls.cert }, ...through() })
    const answer = await open()
    const iterator = answer.body[Symbol.asyncIterator]()
    await iterator.next()
    await proxy.close()
    const rest = async (): Promise<void> => {
      while (!(await iterator.next()).done);
    }
    await expect(rest()).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
    expect(await ending(() => open(), 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
  })

  it.each<[string, string | undefined]>([
    ['nobody vouches for', undefined],
    ['another one vouches for', selfSigned().cert],
  ])('TLS is verified in the tunnel: a provider that %s is UNREACHABLE', async (_, ca) => {
    const { url, requests } = await upstream(whole(TEXT), tls)
    const { open } = provider(url, { ...(ca === undefined ? {} : { tls: { ca } }), ...through() })
    expect(await ending(() => open(), 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
    expect(requests).toHaveLength(0)
  })

  it('a certificate for another name is no certificate', async () => {
    const other = selfSigned(['other.example'])
    const { url, requests } = await upstream(whole(TEXT), other)
    const { open } = provider(url, { tls: { ca: other.cert }, ...through() })
    expect(await ending(() => open(), 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
    expect(requests).toHaveLength(0)
  })

  it('an address, not a name, is verified too', async () => {
    const { port, requests } = await upstream(whole(TEXT), tls)
    const { open } = provider(`https://127.0.0.1:${port}`, { tls: { ca: tls.cert }, ...through() })
    expect(await ending(() => open(), 'whole')).toBe('fine')
    expect(requests).toHaveLength(1)
    expect(proxy.heads[0]).toContain(`CONNECT 127.0.0.1:${port} `)
  })

  it('a proxy that speaks TLS itself is verified, by the list of Node and not by that of the provider', async () => {
    const secure = await startProxy(tls)
    closing(() => secure.close())
    const { url } = await upstream(whole(TEXT), tls)
    const { open } = provider(url, {
      tls: { ca: tls.cert },
      ...by({ HTTPS_PROXY: `https://localhost:${secure.port}` }),
    })
    expect(await ending(() => open(), 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
    expect(secure.heads).toHaveLength(0)
  })

  it('clear text goes through a tunnel as well', async () => {
    const { url, port, requests } = await upstream(whole(TEXT))
    const { open } = provider(url, by({ http_proxy: `http://127.0.0.1:${proxy.port}` }))
    expect(await ending(() => open(), 'whole')).toBe('fine')
    expect(proxy.heads[0]).toContain(`CONNECT 127.0.0.1:${port} `)
    expect(requests[0]?.path).toBe('/v1/chat/completions')
  })

  it('a certificate of ours is shown in the tunnel', async () => {
    const server = { ...tls, requestCert: true, ca: tls.cert, rejectUnauthorized: true }
    const { url, requests } = await upstream(whole(TEXT), server)
    const mutual = { ca: tls.cert, cert: tls.cert, key: tls.key }
    expect(await ending(() => provider(url, { tls: mutual, ...through() }).open(), 'whole')).toBe('fine')
    expect(requests).toHaveLength(1)
  })
})

describe('what the environment says', () => {
  test.each<[string, Readonly<Record<string, string>>, number]>([
    ['nothing', {}, 0],
    ['a proxy for all that is https', { HTTPS_PROXY: 'P' }, 1],
    ['the same in lower case', { https_proxy: 'P' }, 1],
    ['lower case, which wins', { https_proxy: 'P', HTTPS_PROXY: 'http://127.0.0.1:1' }, 1],
    ['one for http only, which serves https then', { HTTP_PROXY: 'P' }, 1],
    ['that this host needs none', { HTTPS_PROXY: 'P', NO_PROXY: 'a.example,localhost' }, 0],
    ['that no host needs one', { HTTPS_PROXY: 'P', NO_PROXY: '*' }, 0],
    ['that another host needs none', { HTTPS_PROXY: 'P', no_proxy: 'ocalhost,.a.example' }, 1],
    ['an empty word', { HTTPS_PROXY: ' ' }, 0],
  ])('%s', async (_, env, asked) => {
    const { url, requests } = await upstream(whole(TEXT), tls)
    const address = `http://127.0.0.1:${proxy.port}`
    const given = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value === 'P' ? address : value]),
    )
    const { open } = provider(url, { tls: { ca: tls.cert }, ...by(given) })
    expect(await ending(() => open(), 'whole')).toBe('fine')
    expect(requests).toHaveLength(1)
    expect(proxy.heads).toHaveLength(asked)
  })

  test.each([
    '127.0.0.1:3128',
    'proxy',
    'socks5://a:1',
    'ftp://ann:secret@a',
    'http://ann:secret@',
    'http://an%n:secret@a:1',
    'http://a b',
  ])('the address %j is no proxy, and is not told', (address) => {
    const make = () => provider('https://a.example', by({ HTTPS_PROXY: address }))
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
    expect(make).not.toThrow(/secret/)
  })
})
