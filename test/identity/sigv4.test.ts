import { readFileSync, writeFileSync } from 'node:fs'
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { AnthropicBedrock, AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { generateText } from 'ai'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Accepted,
  createKey,
  type GatewayKeys,
  type IssuedPair,
  openKeys,
  pairKey,
  revokeKey,
  rotateKey,
  unpairKey,
} from '../../src/identity/index.ts'
import { newStore, removeStoresAfterwards } from './kit.ts'
import { judge, openWire, type Sent, sign, type ToSign } from './wire.ts'

removeStoresAfterwards()
const WHO = 'claims-bot of claims'
const BOTH: Accepted = { gatewayKeys: true, sigv4: true }
const ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3'
const TEXT = 'Grüße, 世界 🌍'
const MESSAGES = [{ role: 'user' as const, content: [{ text: TEXT }] }]

async function opened(accepted: Accepted = BOTH) {
  const file = newStore()
  const { key, view } = await createKey(file, { subject: 'claims-bot', tenant: 'claims' })
  const pair = await pairKey(file, view.id, 0)
  const keys = await openKeys({ file, accepted, pollMs: 60_000 })
  return { file, key, id: view.id, pair, keys }
}

let wire: Awaited<ReturnType<typeof openWire>>
let scene: Awaited<ReturnType<typeof opened>>
beforeAll(async () => {
  wire = await openWire()
  scene = await opened()
})
afterAll(async () => {
  await wire.close()
  scene.keys.close()
})

/** What `work` made a client send. */
async function sentBy(work: () => Promise<unknown>): Promise<Sent> {
  wire.sent.length = 0
  await work()
  expect(wire.sent).toHaveLength(1)
  const [sent] = wire.sent
  if (sent === undefined) throw new Error('nothing was sent')
  return sent
}

type Client = (base: Readonly<{ h1: string; h2: string }>, pair: IssuedPair | null) => Promise<unknown>
const REGION = { region: 'eu-central-1' }

async function converse(endpoint: string, pair: IssuedPair | null): Promise<void> {
  const client = new BedrockRuntimeClient({ ...REGION, endpoint, ...(pair === null ? {} : { credentials: pair }) })
  await client.send(new ConverseCommand({ modelId: ARN, messages: MESSAGES }))
  client.destroy()
}

/** Each client with a pair, or with what the environment has. */
const clients: Readonly<Record<string, Client>> = {
  'the AWS SDK (HTTP/2)': ({ h2 }, pair) => converse(`${h2}/bedrock`, pair),
  AnthropicBedrock: ({ h1 }, pair) => {
    const at = { awsRegion: 'eu-central-1', baseURL: `${h1}/bedrock` }
    const client =
      pair === null
        ? new AnthropicBedrock(at)
        : new AnthropicBedrock({ ...at, awsAccessKey: pair.accessKeyId, awsSecretKey: pair.secretAccessKey })
    return client.messages.create({
      model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
      max_tokens: 10,
      messages: [{ role: 'user', content: TEXT }],
    })
  },
  AnthropicBedrockMantle: ({ h1 }, pair) =>
    new AnthropicBedrockMantle({
      awsRegion: 'eu-central-1',
      baseURL: `${h1}/anthropic`,
      ...(pair === null ? {} : { awsAccessKey: pair.accessKeyId, awsSecretAccessKey: pair.secretAccessKey }),
    }).beta.messages.create({ model: 'claude', max_tokens: 10, messages: [{ role: 'user', content: TEXT }] }),
  'the Vercel AI SDK (aws4fetch)': ({ h1 }, pair) =>
    generateText({
      model: createAmazonBedrock({
        ...REGION,
        baseURL: `${h1}/bedrock`,
        ...(pair === null ? {} : { accessKeyId: pair.accessKeyId, secretAccessKey: pair.secretAccessKey }),
      })(ARN),
      prompt: TEXT,
    }),
}

describe.each(Object.entries(clients))('%s', (name, client) => {
  beforeEach(() => {
    for (const variable of ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_SESSION_TOKEN', 'AWS_ACCESS_KEY_ID'])
      vi.stubEnv(variable, undefined)
    return () => vi.unstubAllEnvs()
  })

  it('is proved by its signature', async () => {
    const sent = await sentBy(() => client(wire, scene.pair))
    expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
    expect(sent.presented.proof.authorization).toMatch(
      name.includes('HTTP/2') ? 'SignedHeaders=:authority;' : /[=;]host;/,
    )
    expect(Buffer.from(sent.body).toString()).toContain(TEXT)
  })

  it('and with another secret it is not', async () => {
    const wrong = { ...scene.pair, secretAccessKey: `${scene.pair.secretAccessKey.slice(1)}x` }
    const sent = await sentBy(() => client(wire, wrong))
    const stranger = { ...scene.pair, accessKeyId: `CHKA${'z'.repeat(16)}` }
    const unknown = await sentBy(() => client(wire, stranger))
    expect(judge(scene.keys, sent).who).toContain('signature of this call is not right')
    // The same words, at the same moment.
    expect(judge(scene.keys, unknown)).toEqual(judge(scene.keys, sent))
  })

  it('is proved by AWS_BEARER_TOKEN_BEDROCK, when that is a gateway key', async () => {
    vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', scene.key)
    const sent = await sentBy(() => client(wire, null))
    expect(sent.presented.proof.authorization).toBe(`Bearer ${scene.key}`)
    expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
  })
})

/** A call with all that can be signed. */
const FULL: ToSign = {
  path: `/bedrock/model/${encodeURIComponent(ARN)}/converse`,
  query: { beta: 'true', b: 'a b/c' },
  headers: { 'x-amz-target': 'a  b', 'user-agent': 'not/signed' },
  body: JSON.stringify({ messages: MESSAGES }),
}

type Change = (sent: Sent) => Sent
const withProof =
  (name: string, change: (value: string) => string | undefined): Change =>
  (sent) =>
    withHeader(sent, 'proof', name, change)
const withOther =
  (name: string, change: (value: string) => string | undefined): Change =>
  (sent) =>
    withHeader(sent, 'headers', name, change)

function withHeader(
  sent: Sent,
  where: 'proof' | 'headers',
  name: string,
  change: (value: string) => string | undefined,
): Sent {
  const { [name]: value = '', ...rest } = sent.presented[where]
  const changed = change(value)
  const headers = changed === undefined ? rest : { ...rest, [name]: changed }
  return { ...sent, presented: { ...sent.presented, [where]: headers } }
}

const withPresented =
  (change: Partial<Sent['presented']>): Change =>
  (sent) => ({
    ...sent,
    presented: { ...sent.presented, ...change },
  })
const swap = (from: string | RegExp, to: string) => (value: string) => {
  const changed = value.replace(from, to)
  if (changed === value) throw new Error('the table changes nothing')
  return changed
}

const DIFFERENT = 'signature of this call is not right'
const tampering: Readonly<Record<string, readonly [Change, string]>> = {
  'another method': [withPresented({ method: 'PUT' }), DIFFERENT],
  'another model': [withPresented({ path: '/bedrock/model/other/converse' }), DIFFERENT],
  'the prefix taken off': [(s) => withPresented({ path: s.presented.path.replace('/bedrock', '') })(s), DIFFERENT],
  'the path decoded': [(s) => withPresented({ path: decodeURIComponent(s.presented.path) })(s), DIFFERENT],
  'the path encoded in lower case': [
    (s) => withPresented({ path: s.presented.path.replace('%3A', '%3a') })(s),
    DIFFERENT,
  ],
  'the path encoded once more': [(s) => withPresented({ path: s.presented.path.replaceAll('%', '%25') })(s), DIFFERENT],
  'a slash doubled': [(s) => withPresented({ path: `/${s.presented.path}` })(s), 'empty segment'],
  'a dot segment': [(s) => withPresented({ path: `/x/..${s.presented.path}` })(s), 'dot segment'],
  'a query added to': [(s) => withPresented({ query: `${s.presented.query}&x=1` })(s), DIFFERENT],
  'no query': [withPresented({ query: '' }), DIFFERENT],
  'a query with a plus': [(s) => withPresented({ query: s.presented.query.replace('%20', '+') })(s), 'RFC 3986'],
  'another body': [(s) => ({ ...s, body: Buffer.from('{}') }), 'not the one that was signed'],
  'no body': [(s) => ({ ...s, body: new Uint8Array(0) }), 'not the one that was signed'],
  'another host': [withOther('host', () => 'other.test'), DIFFERENT],
  'no host': [withOther('host', () => undefined), 'a header that this call does not have'],
  'another content-type': [withOther('content-type', () => 'text/plain'), DIFFERENT],
  'content-type twice': [withOther('content-type', (value) => `${value}, ${value}`), DIFFERENT],
  'a signed header taken off': [withOther('x-amz-target', () => undefined), 'a header that this call does not have'],
  'a header of AWS added': [withOther('x-amz-foo', () => '1'), 'must be among SignedHeaders'],
  'another time': [withProof('x-amz-date', swap(/\dZ$/, 'xZ')), 'needs its time'],
  'two times': [withProof('x-amz-date', (value) => `${value}, ${value}`), 'needs its time'],
  'no time': [withProof('x-amz-date', () => undefined), 'needs its time'],
  'a time that is none': [withProof('x-amz-date', swap(/T\d\d/, 'T99')), 'more than 5 minutes'],
  'another digest': [withProof('x-amz-content-sha256', swap(/^../, 'zz')), 'in lower-case hexadecimal'],
  'a digest in upper case': [
    withProof('x-amz-content-sha256', (value) => value.toUpperCase()),
    'in lower-case hexadecimal',
  ],
  'an unsigned body': [withProof('x-amz-content-sha256', () => 'UNSIGNED-PAYLOAD'), 'Unsigned and chunk-wise'],
  'a body signed chunk by chunk': [
    withProof('x-amz-content-sha256', () => 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'),
    'Unsigned and chunk-wise',
  ],
  'no digest though one was signed': [
    withProof('x-amz-content-sha256', () => undefined),
    'a header that this call does not have',
  ],
  'a session token': [withProof('x-amz-security-token', () => 'AQoDYXdzEPT'), 'session token'],
  'another id': [withProof('authorization', swap(/CHKA.{16}/, 'CHKA0000000000000000')), DIFFERENT],
  "AWS's own id": [withProof('authorization', swap(/CHKA.{16}/, 'AKIAIOSFODNN7EXAMPLE')), 'begin with CHKA'],
  'a gateway key for an id': [withProof('authorization', swap(/CHKA.{16}/, 'chk_12345678')), 'not the form'],
  'another date in the scope': [withProof('authorization', swap(/\/\d{8}\//, '/20260101/')), 'not that of x-amz-date'],
  'another region': [withProof('authorization', swap('eu-central-1', 'us-east-1')), DIFFERENT],
  'another service': [withProof('authorization', swap('/bedrock/', '/s3/')), 'another service'],
  'the other service of Bedrock': [withProof('authorization', swap('/bedrock/', '/bedrock-mantle/')), DIFFERENT],
  'another end of the scope': [withProof('authorization', swap('aws4_request', 'aws4_requesu')), 'not the form'],
  'fewer signed headers': [withProof('authorization', swap('content-type;', '')), DIFFERENT],
  'without x-amz-date among them': [withProof('authorization', swap('x-amz-date;', '')), 'must be among'],
  'without the digest among them': [withProof('authorization', swap('x-amz-content-sha256;', '')), 'must be among'],
  'without host among them': [withProof('authorization', swap('host;', '')), 'must name host'],
  'host and :authority among them': [
    withProof('authorization', swap('SignedHeaders=', 'SignedHeaders=:authority;')),
    'must name host',
  ],
  ':authority in place of host': [
    withProof('authorization', swap('SignedHeaders=content-type;host;', 'SignedHeaders=:authority;content-type;')),
    DIFFERENT,
  ],
  'a signed header twice': [withProof('authorization', swap('host;', 'host;host;')), 'each once'],
  'signed headers out of order': [withProof('authorization', swap('content-type;host', 'host;content-type')), 'order'],
  'signed headers in upper case': [withProof('authorization', swap('host;', 'Host;')), 'lower case'],
  'one of a prototype in its place': [
    withProof('authorization', swap('content-type;', 'constructor;')),
    'does not have',
  ],
  'another pseudo-header': [withProof('authorization', swap('SignedHeaders=', 'SignedHeaders=:path;')), 'lower case'],
  'another signature': [withProof('authorization', swap(/.$/, 'x')), 'not the form'],
  'a shorter signature': [withProof('authorization', (value) => value.slice(0, -1)), 'not the form'],
  'no signature': [withProof('authorization', swap(/, Signature=.*/, '')), 'not the form'],
  'two signatures': [withProof('authorization', (value) => `${value}, ${value}`), 'not the form'],
  'the algorithm alone': [withProof('authorization', () => 'AWS4-HMAC-SHA256'), 'only AWS4-HMAC-SHA256'],
  'version 4a': [
    withProof('authorization', swap('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
    'only AWS4-HMAC-SHA256',
  ],
  'version 2': [
    withProof('authorization', () => 'AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg='),
    'another scheme',
  ],
  'a presigned address too': [
    (s) => withPresented({ query: `${s.presented.query}&X-Amz-Signature=00` })(s),
    'presigned address',
  ],
  'a presigned address, encoded': [withPresented({ query: 'X-Amz-%53ignature=00' }), 'presigned address'],
  'a gateway key beside it': [(s) => withProof('x-api-key', () => scene.key)(s), 'a signature and a key'],
  'anything beside it': [withProof('x-goog-api-key', () => 'AIza'), 'a signature and a key'],
}

describe('a signed call', () => {
  it('is proved as it is', async () => {
    expect(judge(scene.keys, await sign(scene.pair, FULL))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { ...FULL, digest: false }))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { method: 'GET', body: '' }))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { service: 'bedrock-mantle' }))).toEqual({ who: WHO, when: null })
  })

  it.each(Object.entries(tampering))('with %s is refused', async (_, [change, words]) => {
    const sent = change(await sign(scene.pair, FULL))
    const { who } = judge(scene.keys, sent)
    expect(who).toContain(words)
    const signature = /Signature=(.*)/.exec(sent.presented.proof.authorization ?? '')?.[1] ?? scene.key
    for (const secret of [scene.pair.secretAccessKey, scene.key, signature]) expect(who).not.toContain(secret)
  })

  it('that was signed with a session token is refused', async () => {
    expect(judge(scene.keys, await sign(scene.pair, { sessionToken: 'token' })).who).toContain('session token')
  })

  it('is refused before its body where that is possible', async () => {
    const wrong = { ...scene.pair, secretAccessKey: 'wrong' }
    expect(judge(scene.keys, await sign(wrong)).when).toBe('head')
    expect(judge(scene.keys, await sign(wrong, { digest: false })).when).toBe('body')
    const sent = await sign(scene.pair, { digest: false })
    expect(judge(scene.keys, { ...sent, body: Buffer.from('{"messages":[1]}') })).toEqual({
      who: expect.stringContaining(DIFFERENT),
      when: 'body',
    })
  })

  it.each([
    [-295, 'accepted'],
    [-302, 'refused'],
    [295, 'accepted'],
    [305, 'refused'],
    [-86_400, 'refused'],
  ])('of %d s from now is %s', async (seconds, outcome) => {
    const { who } = judge(scene.keys, await sign(scene.pair, { at: new Date(Date.now() + seconds * 1000) }))
    expect(who).toContain(outcome === 'accepted' ? WHO : 'more than 5 minutes')
  })

  it('stays proved whatever is not signed', async () => {
    const sent = await sign(scene.pair, FULL)
    const changed = withOther('user-agent', () => 'another')(withOther('x-amzn-trace-id', () => 'Root=1')(sent))
    expect(judge(scene.keys, changed).who).toBe(WHO)
  })

  it("is proved whatever AWS's signer makes of it", async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((one) => one.isWellFormed())
    const segment = text.filter((one) => one !== '.' && one !== '..').map(encodeURIComponent)
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.stringMatching(/^[!-~]([ -~]{0,12}[!-~])?$/), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
        text,
        fc.boolean(),
        async (segments, query, more, body, digest) => {
          const headers = Object.fromEntries(Object.entries(more).map(([name, value]) => [`x-amz-meta-${name}`, value]))
          const sent = await sign(scene.pair, { path: `/${segments.join('/')}`, query, headers, body, digest })
          // What begins with this in a query is the mark of a presigned address, and never a client's of Bedrock.
          if (Object.keys(query).some((name) => name.toLowerCase().startsWith('x-amz-'))) return
          expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is refused for any change of one byte', async () => {
    const calls = [
      await sign(scene.pair, FULL),
      await sign(scene.pair, { ...FULL, digest: false }),
      await sentBy(() => converse(`${wire.h2}/bedrock`, scene.pair)),
    ]
    const parts = calls.flatMap((call) => {
      const names = /SignedHeaders=([^,]*)/.exec(call.presented.proof.authorization ?? '')?.[1]?.split(';') ?? []
      const headers = names.map((name) => (name === ':authority' ? 'host' : name))
      return ['method', 'path', 'query', 'body', 'authorization', ...headers].map((part) => ({ call, part }))
    })
    let changed = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...parts),
        fc.nat(),
        fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
        ({ call, part }, at, to) => {
          const altered = oneByte(call, part, at, to)
          if (altered === null) return
          changed += 1
          expect(judge(scene.keys, altered).when).not.toBeNull()
        },
      ),
      { numRuns: 5000 },
    )
    expect(changed).toBeGreaterThan(4000)
  })
})

/** A call with one byte of one part set to `to`; null where it is that already. */
function oneByte(sent: Sent, part: string, at: number, to: string): Sent | null {
  const put = (text: string): string => {
    const i = at % Math.max(1, text.length)
    return `${text.slice(0, i)}${to}${text.slice(i + 1)}`
  }
  if (part === 'body') {
    const body = Buffer.from(put(Buffer.from(sent.body).toString('latin1')), 'latin1')
    return body.equals(sent.body) ? null : { ...sent, body }
  }
  const { presented } = sent
  if (part === 'method' || part === 'path' || part === 'query') {
    const text = put(presented[part])
    // An address that a query begins in is another one, which the socket would split.
    return text === presented[part] ? null : { ...sent, presented: { ...presented, [part]: text } }
  }
  const where = Object.hasOwn(presented.proof, part) ? 'proof' : 'headers'
  const value = presented[where][part] ?? ''
  // White space at the ends is not the header's, and how much of it stands between words is not signed.
  if (put(value).trim().replace(/ +/g, ' ') === value.trim().replace(/ +/g, ' ')) return null
  return withHeader(sent, where, part, put)
}

it('an endpoint with a slash at its end, which the AWS SDK doubles, is refused with what to do', async () => {
  const sent = await sentBy(() => converse(`${wire.h2}/bedrock/`, scene.pair))
  expect(sent.presented.path).toContain('//')
  expect(judge(scene.keys, sent).who).toContain('take the slash from the end of the endpoint')
})

describe('what is taken', () => {
  it('signatures only where they are switched on', async () => {
    const { key, pair, keys } = await opened({ gatewayKeys: true, sigv4: false })
    const sent = await sign(pair)
    expect(judge(keys, sent)).toEqual({ who: expect.stringContaining('AWS_BEARER_TOKEN_BEDROCK'), when: 'head' })
    expect(judge(keys, sent).who).toContain('identity.sigv4')
    expect(judge(keys, withProof('authorization', () => `Bearer ${key}`)(sent)).who).toBe(WHO)
    keys.close()
  })

  it('signatures alone', async () => {
    const { key, pair, keys } = await opened({ gatewayKeys: false, sigv4: true })
    const sent = await sign(pair)
    expect(judge(keys, sent).who).toBe(WHO)
    expect(judge(keys, withProof('authorization', () => `Bearer ${key}`)(sent)).who).toContain('switched off')
    expect(judge(keys, withProof('authorization', () => undefined)(sent)).who).toContain('carries no signature')
    keys.close()
  })

  it('nothing at all', async () => {
    const { key, pair, keys } = await opened({ gatewayKeys: false, sigv4: false })
    const sent = await sign(pair)
    for (const call of [sent, withProof('authorization', () => `Bearer ${key}`)(sent)])
      expect(judge(keys, call).who).toContain('no other proof is taken')
    keys.close()
  })
})

describe('a pair', () => {
  it('ends with its key', async () => {
    const { file, id, pair, keys } = await opened()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    const sent = await sign(pair, { digest: false })
    const claimed = keys.authenticate(sent.presented)
    await revokeKey(file, id)
    await keys.refresh()
    expect(keys.stands(principal)).toBe(false)
    expect(() => claimed.confirm?.(sent.body)).toThrow(`Gateway key ${id} has been revoked.`)
    expect(judge(keys, await sign(pair)).who).toBe(`Gateway key ${id} has been revoked.`)
    // Only who has the secret hears it.
    expect(judge(keys, await sign({ ...pair, secretAccessKey: 'wrong' })).who).toContain(DIFFERENT)
    keys.close()
  })

  it('that ends while the body is read proves nothing', async () => {
    const { file, id, pair, keys } = await opened()
    const sent = await sign(pair)
    const { confirm } = keys.authenticate(sent.presented)
    await unpairKey(file, id)
    await keys.refresh()
    expect(() => confirm?.(sent.body)).toThrow(`Gateway key ${id} was rotated`)
    keys.close()
  })

  it('ends when the key expires', async () => {
    const { file, keys } = await opened()
    const { view } = await createKey(file, { subject: 'short', tenant: 'claims', lifetimeMs: 400 })
    const pair = await pairKey(file, view.id, 0)
    await keys.refresh()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    expect(keys.stands(principal)).toBe(true)
    await expect.poll(() => keys.stands(principal), { timeout: 3000 }).toBe(false)
    expect(judge(keys, await sign(pair)).who).toContain('has expired')
    keys.close()
  })

  it('overlaps with the next one, and not beyond its time', async () => {
    const { file, id, pair, keys } = await opened()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    const second = await pairKey(file, id, 500)
    await keys.refresh()
    expect(judge(keys, await sign(second)).who).toBe(WHO)
    expect(judge(keys, await sign(pair)).who).toBe(WHO)
    await expect.poll(() => keys.stands(principal), { timeout: 3000 }).toBe(false)
    expect(judge(keys, await sign(pair)).who).toContain('was rotated')
    expect(judge(keys, await sign(second)).who).toBe(WHO)
    keys.close()
  })

  it('and the key itself are rotated apart', async () => {
    const { file, id, key, pair, keys } = await opened()
    const bearer = withProof('authorization', () => `Bearer ${key}`)
    const proved = keys.authenticate(bearer(await sign(pair)).presented).principal
    await rotateKey(file, id, 0)
    await keys.refresh()
    expect(keys.stands(proved)).toBe(false)
    expect(judge(keys, await sign(pair)).who).toBe(WHO)
    expect(judge(keys, bearer(await sign(pair))).who).toContain('not known')
    keys.close()
  })
})

it('a pair stands on salt and pepper both: with another salt in the store it proves nothing', async () => {
  const { file, pair, keys } = await opened()
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace(/("salt": ").{21}/, `$1${'A'.repeat(21)}`))
  await keys.refresh()
  expect(judge(keys, await sign(pair)).who).toContain(DIFFERENT)
  writeFileSync(file, text)
  await keys.refresh()
  expect(judge(keys, await sign(pair)).who).toBe(WHO)
  keys.close()
})

it('two openings derive the same secrets, and two pairs share none', async () => {
  const { file, id, pair, keys } = await opened()
  const again: GatewayKeys = await openKeys({ file, accepted: BOTH, pollMs: 60_000 })
  expect(judge(again, await sign(pair)).who).toBe(WHO)
  const next = await pairKey(file, id, 0)
  expect(next.secretAccessKey).not.toBe(pair.secretAccessKey)
  expect(next.accessKeyId).toMatch(new RegExp(`^CHKA${id}[0-9A-Za-z]{8}$`))
  for (const one of [keys, again]) one.close()
})
