import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { redacted } from '../../src/pipeline/redacted.ts'
import { createBedrock } from '../../src/providers/bedrock.ts'
import { signed } from '../../src/providers/sigv4.ts'
import { type RecordedRequest, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { dispatch, TEXT } from './setup.ts'

type Case = Readonly<{
  name: string
  host: string
  region: string
  id: string
  secret: string
  token: string | null
  date: string
  fields: Readonly<Record<string, string>>
  path: string
  body: string
  hash: string
  signed: string
  signature: string
}>
/** Signed by botocore 1.44.5: see sign.py beside this file. */
const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'signatures.json'), 'utf8'))

describe('a signature is the one that botocore makes', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const { host, region, id, secret, token, date, fields, path, body } = one
    const at = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
    const credentials = { accessKeyId: id, secretAccessKey: secret, ...(token === null ? {} : { sessionToken: token }) }
    const call = { host, region, path, fields: Object.entries(fields).flat(), body: Buffer.from(body), at }
    const scope = `${date.slice(0, 8)}/${region}/bedrock/aws4_request`
    expect(await signed(credentials, call)).toEqual([
      ...['x-amz-date', date],
      ...(token === null ? [] : ['x-amz-security-token', token]),
      ...['x-amz-content-sha256', one.hash],
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${one.signed}, Signature=${one.signature}`,
    ])
  })
})

/** The signature that a request should bear, from the bytes that arrived (AWS IAM guide, "Create a signed AWS API request"). */
function expected(request: RecordedRequest, secret: string): string {
  const [, scope = '', names = ''] =
    /^AWS4-HMAC-SHA256 Credential=\w+\/(\S+), SignedHeaders=([\w;-]+), Signature=[0-9a-f]{64}$/.exec(
      request.header('authorization') ?? '',
    ) ?? []
  const encoded = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const canonical = [
    request.method,
    request.path.split('/').map(encoded).join('/'),
    '',
    ...names.split(';').map((name) => `${name}:${(request.header(name) ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    names,
    createHash('sha256').update(request.body).digest('hex'),
  ].join('\n')
  const hash = createHash('sha256').update(canonical).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', request.header('x-amz-date') ?? '', scope, hash].join('\n')
  const key = scope
    .split('/')
    .reduce<Buffer | string>((k, part) => createHmac('sha256', k).update(part).digest(), `AWS4${secret}`)
  return createHmac('sha256', key).update(toSign).digest('hex')
}

const ID = 'ASIAFROMENVIRONMENT'
const KEY = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const TOKEN = 'IQoJb3JpZ2luX2VjEJr//wEaDGV1=='

describe('on the wire', () => {
  const before = { ...process.env }
  let upstream: Recorder
  beforeAll(async () => {
    upstream = await startRecorder({ answer: () => whole(TEXT) })
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: ID, AWS_SECRET_ACCESS_KEY: KEY, AWS_SESSION_TOKEN: TOKEN })
    delete process.env.AWS_PROFILE
  })
  afterAll(async () => {
    process.env = before
    await upstream.close()
  })

  const made = (credential: ((tenant: string) => string | undefined) | null = null) =>
    createBedrock({
      name: 'bedrock-eu',
      baseUrl: upstream.url,
      credential,
      timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 },
      maxSockets: 2,
      region: 'eu-central-1',
      aws: true,
    })
  const path = '/model/eu.anthropic.claude-v2%3A1/converse'
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const at = (below: string) => ({ ...dispatch(upstream.url), headers, url: `${upstream.url}${below}` })

  test('a signature covers exactly what arrives, whatever the model and the body', async () => {
    const provider = made()
    const atom = fc.stringMatching(/^[a-z0-9][a-z0-9.:-]{0,20}$/)
    const model = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => encodeURIComponent(atoms.join('/')))
    await fc.assert(
      fc.asyncProperty(
        model,
        fc.uint8Array({ maxLength: 3000 }),
        fc.constantFrom('converse', 'invoke'),
        async (id, bytes, op) => {
          const body = Buffer.from(bytes)
          const answer = await provider.open(
            { ...at(`/model/${id}/${op}`), body: redacted(body) },
            new AbortController().signal,
          )
          await answer.body.whole(1e6)
          const request = upstream.requests.at(-1)
          if (request === undefined) throw new Error('nothing arrived')
          expect(request.path).toBe(`/model/${id}/${op}`)
          expect(request.body).toEqual(body)
          const authorization = request.header('authorization') ?? ''
          expect(authorization).toContain(`/eu-central-1/bedrock/aws4_request, `)
          expect(authorization.slice(-64)).toBe(expected(request, KEY))
          // Every field that arrived is signed, but for the signature itself and the hop's own.
          const names = request.headers
            .map(([name]) => name.toLowerCase())
            .filter((name) => !['authorization', 'connection'].includes(name))
          expect(/SignedHeaders=([^,]+)/.exec(authorization)?.[1]).toBe(names.sort().join(';'))
          expect(request.header('x-amz-security-token')).toBe(TOKEN)
          const date = request.header('x-amz-date') ?? ''
          expect(
            Math.abs(Date.parse(date.replace(/^(....)(..)(..)T(..)(..)/, '$1-$2-$3T$4:$5:')) - Date.now()),
          ).toBeLessThan(5000)
        },
      ),
      { numRuns: 60 },
    )
    await provider.close()
  })

  test("a tenant's own key goes as a bearer token, and no AWS credential with it", async () => {
    const provider = made((tenant) => (tenant === 'claims' ? 'bedrock-api-key-claims' : undefined))
    const seen: string[] = []
    for (const tenant of ['claims', 'life', 'claims']) {
      const answer = await provider.open({ ...at(path), tenant }, new AbortController().signal)
      await answer.body.whole(1e6)
      seen.push(upstream.requests.at(-1)?.head.toString('latin1') ?? '')
    }
    const [first = '', second = '', third = ''] = seen
    for (const head of [first, third]) {
      expect(head).toContain('\r\nauthorization: Bearer bedrock-api-key-claims\r\n')
      expect(head).not.toContain('x-amz-')
      expect(head).not.toContain(ID)
    }
    expect(second).toContain(`Credential=${ID}/`)
    expect(second).not.toContain('bedrock-api-key')
    await provider.close()
  })

  test('the provider tells no key to whoever looks at it', async () => {
    const provider = made()
    const answer = await provider.open(at(path), new AbortController().signal)
    await answer.body.whole(1e6)
    for (const text of [inspect(provider, { depth: 9, showHidden: true }), JSON.stringify(provider)]) {
      expect(text).not.toContain(KEY)
      expect(text).not.toContain(TOKEN)
    }
    await provider.close()
  })
})
