import { inspect } from 'node:util'
import { describe, expect, it, test } from 'vitest'
import { drip, hangUp, redirect, reset, type Script, shortBody, silence, stream, whole } from '../kit/index.ts'
import { at, KINDS, named } from './kinds.ts'
import { BODY, collect, ending, TEXT, upstream } from './setup.ts'

describe.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s', (_, kind) => {
  it('sends the dispatch, the credential and the transport`s own fields, byte for byte', async () => {
    const { url, port, requests } = await upstream(whole(TEXT))
    const { open, made } = at(kind, url)
    await (await open()).body.whole(1e6)
    const lines = [
      `POST ${kind.prefix}${kind.path} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      'connection: keep-alive',
      'content-type: application/json',
      ...Object.entries(kind.headers).map(([name, value]) => `${name}: ${value}`),
      'accept-encoding: identity',
      kind.proof,
      `content-length: ${BODY.length}`,
    ]
    expect(requests[0]?.wire.toString('utf8')).toBe(`${lines.join('\r\n')}\r\n\r\n${BODY.toString('utf8')}`)
    expect(made.address({ path: kind.path, headers: {}, body: BODY })).toBe(`${url}${kind.prefix}${kind.path}`)
  })

  it('adds nothing where the server wants nothing', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    await (await at(kind, url, { credential: null }).open()).body.whole(1e6)
    const names = requests[0]?.headers.map(([name]) => name.toLowerCase())
    const sent = [
      'host',
      'connection',
      'content-type',
      ...Object.keys(kind.headers),
      'accept-encoding',
      'content-length',
    ]
    expect(names).toEqual(sent)
  })

  it.each([
    'authorization',
    'proxy-authorization',
    'x-api-key',
    'api-key',
    'x-goog-api-key',
    'x-amz-date',
    'x-amz-security-token',
    'x-amz-content-sha256',
    'cookie',
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'te',
    'trailer',
    'expect',
    'forwarded',
    'x-forwarded-for',
    'x-customhouse-task',
    'x-customhouse-meta-a',
    'user-agent',
    'openai-organization',
    'anthropic-version',
    'anthropic-beta',
    'anthropic-dangerous-direct-browser-access',
    'x-amzn-bedrock-trace',
    'x-stainless-os',
    'idempotency-key',
  ])('lets a dispatch bring %s only where its API has it', async (name) => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = at(kind, url)
    const opening = open({ headers: { [name]: 'x' } })
    if (Object.hasOwn(kind.headers, name)) {
      await (await opening).body.whole(1e6)
      expect(requests[0]?.header(name)).toBe('x')
    } else {
      await expect(opening).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
      expect(requests).toHaveLength(0)
    }
  })

  it('never sends for one tenant with the credential of another, and without one not at all', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    const secrets: Readonly<Record<string, string>> = { claims: 'key-of-claims', life: 'key-of-life' }
    const { open } = at(kind, url, { credential: (tenant) => secrets[tenant], maxSockets: 1 })
    const order = ['claims', 'life', 'life', 'claims', 'life', 'claims']
    // Over one kept connection: what was proved for one call must say nothing about the next.
    for (const tenant of order) await (await open({ tenant })).body.whole(1e6)
    for (const [index, tenant] of order.entries()) {
      const head = requests[index]?.head.toString('latin1') ?? ''
      for (const [owner, secret] of Object.entries(secrets)) expect(head.includes(secret)).toBe(owner === tenant)
    }
    await expect(open({ tenant: 'motor' })).rejects.toMatchObject({
      code: 'ERR_GATEWAY_INTERNAL',
      message: expect.stringContaining('motor'),
    })
    expect(requests).toHaveLength(order.length)
  })

  it.each(['two words', 'a\r\nb: c', '', 'caf\u00e9'])(
    'refuses the credential %j and does not tell it',
    async (secret) => {
      const { url, requests } = await upstream(whole(TEXT))
      const refusal = await at(kind, url, { credential: () => secret })
        .open()
        .catch((error: unknown) => error)
      expect(refusal).toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
      if (secret !== '') expect(inspect(refusal, { depth: 9, showHidden: true })).not.toContain(secret)
      expect(requests).toHaveLength(0)
    },
  )

  it.each<[string, Script, string]>([
    ['a hang-up before the answer', hangUp, 'open ERR_PROVIDER_UNREACHABLE'],
    ['a reset before the answer', reset, 'open ERR_PROVIDER_UNREACHABLE'],
    ['silence', silence, 'open ERR_PROVIDER_TIMEOUT'],
    ['what is no HTTP', [{ write: 'SSH-2.0-OpenSSH_9.9\r\n' }, 'hold'], 'open ERR_PROVIDER_MALFORMED'],
    ['a redirect', redirect('https://evil.example/'), 'open ERR_PROVIDER_MALFORMED'],
    ['a short body', shortBody(TEXT), 'body ERR_PROVIDER_TRUNCATED'],
    ['a reset in mid-stream', stream(['x'], { ending: 'reset', everyMs: 5 }), 'body ERR_PROVIDER_TRUNCATED'],
    ['silence in mid-stream', stream(['x'], { ending: 'hold' }), 'body ERR_PROVIDER_TIMEOUT'],
    ['an unknown coding', whole(TEXT, { fields: { 'content-encoding': 'zstd' } }), 'open ERR_PROVIDER_MALFORMED'],
    ['a slow drip', drip('0123456789', 5), 'fine'],
  ])('%s', async (_, script, expected) => {
    const { url, requests } = await upstream(script)
    const { open } = at(kind, url, { timeouts: { connectMs: 300, firstByteMs: 300, idleMs: 300 } })
    expect(await ending(() => open(), 'iterator')).toBe(expected)
    expect(requests).toHaveLength(1)
  })

  it.each(['gzip', 'deflate', 'br'] as const)('undoes %s, of event streams too', async (encoding) => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 7) % 251))
    const fields = { 'content-type': 'application/vnd.amazon.eventstream' }
    const { url } = await upstream(whole(bytes, { encoding, fields }))
    const answer = await at(kind, url).open()
    expect(answer.headers).toEqual(fields)
    expect(await collect(answer.body)).toEqual(bytes)
  })
})

test.each<[string, string, string, string]>([
  ['azure', 'a key', '0123456789abcdef0123456789abcdef', 'api-key: 0123456789abcdef0123456789abcdef'],
  [
    'azure',
    'a token of Entra ID',
    'eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln-_',
    'authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln-_',
  ],
  ['azure', 'what only begins like one', 'eyJhbGciOiJSUzI1NiJ9', 'api-key: eyJhbGciOiJSUzI1NiJ9'],
  ['anthropic', 'a key', 'sk-ant-api03-x_y', 'x-api-key: sk-ant-api03-x_y'],
  [
    'anthropic',
    'a JWT',
    'eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln',
    'authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln',
  ],
  [
    'openai',
    'a JWT',
    'eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln',
    'authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln',
  ],
  ['bedrock', 'a Bedrock API key', 'bedrock-api-key-YWJj', 'authorization: Bearer bedrock-api-key-YWJj'],
])('%s: %s stands where the API looks for it, and nowhere else', async (kind, _, secret, line) => {
  const { url, requests } = await upstream(whole(TEXT))
  await (await at(named(kind), url, { credential: () => secret }).open()).body.whole(1e6)
  const head = requests[0]?.head.toString('latin1') ?? ''
  expect(head).toContain(`\r\n${line}\r\n`)
  expect(head.split(secret)).toHaveLength(2)
})

describe('fields of an answer', () => {
  const told: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    openai: {
      'x-request-id': 'req_1',
      'openai-processing-ms': '247',
      'openai-version': '2020-10-01',
      'x-ratelimit-remaining-tokens': '49999985',
      'x-ratelimit-reset-requests': '8.64s',
      'x-ratelimit-limit-input-images': '50000',
    },
    azure: {
      'apim-request-id': '1d93fae1-cb8e-4789-8fb6-d26577a3cb77',
      'x-ms-region': 'East US 2',
      'x-ratelimit-renewalperiod-tokens': '60',
    },
    mistral: {
      'mistral-correlation-id': '019f94fe-29c7-7084-bcf6-386b6baa345e',
      'x-ratelimit-limit-req-10-second': '60',
      'x-ratelimit-remaining-tokens-month': '199999999990',
      'x-ratelimit-limit-tokens-minute': '20000000',
      'x-ratelimit-tokens-query-cost': '10',
    },
    anthropic: {
      'request-id': 'req_01RAACcnSfUq4RTDRa3yWxdL',
      'anthropic-ratelimit-input-tokens-limit': '400000',
      'anthropic-ratelimit-output-tokens-remaining': '79000',
      'anthropic-ratelimit-requests-reset': '2025-03-15T09:38:41Z',
      'anthropic-ratelimit-tokens-limit': '480000',
    },
    bedrock: {
      'x-amzn-requestid': 'c1136034-9602-49a2-8b55-4034878dda8a',
      'x-amzn-errortype': 'ThrottlingException',
      'x-amz-retry-after': '1500',
      'x-amzn-bedrock-input-token-count': '566',
      'x-amzn-bedrock-cache-read-input-token-count': '9511',
      'x-amzn-bedrock-invocation-latency': '402',
    },
  }
  const common = { 'content-type': 'application/json', 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }
  const never = {
    'set-cookie': 'session=1',
    server: 'envoy',
    'cf-ray': '1-ZRH',
    location: '/elsewhere',
    'openai-organization': 'the-bank',
    'anthropic-organization-id': '0f1e',
    'x-ms-client-request-id': 'the-client`s own',
    'x-amzn-bedrock-trace': 'text',
    'x-amzn-bedrock-content-type': 'application/json',
    'x-ratelimit-note': '4111111111111111',
    'anthropic-ratelimit-note': '1',
    'x-ms-deployment-name': 'claims-prod',
  }
  const all = Object.assign({}, ...Object.values(told))

  it.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s tells its own and no others', async (name, kind) => {
    const { url } = await upstream(whole(TEXT, { fields: { ...all, ...common, ...never } }))
    const answer = await at(kind, url).open()
    // Azure and Mistral tell what OpenAI tells, and more.
    const shared = name === 'azure' || name === 'mistral' ? told.openai : {}
    expect(answer.headers).toEqual({ ...shared, ...told[name], ...common })
    await answer.body.whole(1e6)
  })

  it.each(KINDS.map((kind) => [kind.kind, kind] as const))(
    '%s tells none whose value is not what it should be',
    async (name, kind) => {
      const bad = ['Jane Doe <jane@example.org>', `${'1'.repeat(201)}`, 'caf\u00e9 \u00fc', 'a; b', '"quoted"']
      for (const value of bad) {
        const fields = Object.fromEntries(Object.keys({ ...told[name] }).map((field) => [field, value]))
        const { url } = await upstream(whole(TEXT, { fields }))
        const answer = await at(kind, url).open()
        // Evidence of a place that nobody knows is evidence.
        const unknown = name === 'azure' ? { 'x-ms-region': 'other' } : {}
        expect(answer.headers).toEqual({ 'content-type': 'application/json', ...unknown })
        await answer.body.whole(1e6)
      }
    },
  )

  it.each<[string, string, string, string | null]>([
    ['openai', 'content-type', 'application/json; note="Erika Mustermann"', 'application/json'],
    ['openai', 'content-type', 'Erika Mustermann', null],
    ['openai', 'retry-after', '17', '17'],
    ['openai', 'retry-after', 'Erika Mustermann, geb. 12.08.1964', null],
    ['openai', 'retry-after', 'Wed, 21 Oct 2026 07:28:00 GMT', 'Wed, 21 Oct 2026 07:28:00 GMT'],
    ['openai', 'retry-after', 'Thu, 21 Oct 2026 07:28:00 GMT', null],
    ['openai', 'retry-after', 'Tue, 31 Feb 2026 07:28:00 GMT', null],
    ['openai', 'retry-after', 'Dr., 21 Oct 2026 07:28:00 GMT', null],
    ['openai', 'retry-after', '4111111111111111', null],
    ['openai', 'retry-after-ms', '250', '250'],
    ['openai', 'retry-after-ms', 'Jane Doe', null],
    ['openai', 'x-ratelimit-remaining-tokens', 'DE89370400440532013000', null],
    ['openai', 'x-ratelimit-remaining-tokens', '4111111111111111', null],
    ['openai', 'x-ratelimit-limit', '10000', '10000'],
    ['openai', 'x-ratelimit-limit', '6m0s', null],
    ...['0s', '6m0s', '1m30.5s', '20ms', '16.601s', '1h0m1s', '500', '2026-01-01T00:00:00Z'].map(
      (value) => ['openai', 'x-ratelimit-reset-tokens', value, value] as [string, string, string, string],
    ),
    ...[
      'Erika',
      's',
      '1m2',
      '756.1234.5678.97',
      '4111-1111-1111-1111',
      '999999999999999.999s',
      '1964-08-12T00:00:00Z',
    ].map((value) => ['openai', 'x-ratelimit-reset-tokens', value, null] as [string, string, string, null]),
    ['openai', 'openai-processing-ms', 'DE89370400440532013000', null],
    ['openai', 'openai-version', 'Mustermann', null],
    ['openai', 'x-request-id', 'req_cc9204ae23338b130df11c8c5b5f31af', 'req_cc9204ae23338b130df11c8c5b5f31af'],
    ['openai', 'x-request-id', 'mail:erika@example.org', null],
    ['openai', 'x-request-id', 'x'.repeat(81), null],
    ['azure', 'x-ms-region', 'Germany West Central', 'Germany West Central'],
    ['azure', 'x-ms-region', 'Sweden Central', 'Sweden Central'],
    ['azure', 'x-ms-region', 'swedencentral', 'swedencentral'],
    ['azure', 'x-ms-region', 'Erika Mustermann', 'other'],
    ['anthropic', 'anthropic-ratelimit-tokens-reset', '2025-03-15T09:38:41Z', '2025-03-15T09:38:41Z'],
    ['anthropic', 'anthropic-ratelimit-tokens-reset', 'DE89370400440532013000', null],
    ['anthropic', 'anthropic-ratelimit-tokens-limit', 'DE89370400440532013000', null],
    ['mistral', 'x-ratelimit-tokens-query-cost', 'DE89370400440532013000', null],
    ['bedrock', 'x-amzn-bedrock-input-token-count', 'DE89370400440532013000', null],
    ['bedrock', 'x-amz-retry-after', 'DE89370400440532013000', null],
    ['bedrock', 'x-amzn-errortype', 'ThrottlingException:http://internal.amazon.com/x/', 'ThrottlingException'],
    ['bedrock', 'x-amzn-errortype', 'com.amazon#ThrottlingException', 'ThrottlingException'],
    ['bedrock', 'x-amzn-errortype', 'ExpiredTokenException', 'ExpiredTokenException'],
    ['bedrock', 'x-amzn-errortype', 'Erika.Mustermann', null],
    ['bedrock', 'x-amzn-errortype', 'DE89370400440532013000', null],
  ])('of %s: %s: %s', async (kind, name, value, told) => {
    const { url } = await upstream(whole(TEXT, { fields: { [name]: value } }))
    const answer = await at(named(kind), url).open()
    expect(answer.headers[name]).toBe(told ?? undefined)
    await answer.body.whole(1e6)
  })
})
