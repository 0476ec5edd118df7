import { createHash, createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { canonicalPath, canonicalQuery, canonicalRequest, signatureOf } from '../../src/identity/signature.ts'

/**
 * Cases of AWS's own test suite (aws-sig-v4-test-suite), as far as they apply: in it a path is encoded once, since it came unencoded; what is
 * normalised there is refused here, and so has no case.
 */
const SECRET = createSecretKey(Buffer.from('AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'))
const TIME = '20150830T123600Z'
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

type Case = Readonly<{
  method?: string
  path?: string
  query?: string
  headers?: readonly (readonly [string, string])[]
  body?: string
  signature: string
}>
const suite: Readonly<Record<string, Case>> = {
  'get-vanilla': { signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  'get-vanilla-query-order-key-case': {
    query: 'Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  'get-vanilla-empty-query-key': {
    query: 'Param1=value1',
    signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
  },
  'get-vanilla-query-unreserved': {
    query: `${UNRESERVED}=${UNRESERVED}`,
    signature: '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
  },
  'get-vanilla-utf8-query': {
    query: '%E1%88%B4=bar',
    signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
  },
  'get-unreserved': {
    path: `/${UNRESERVED}`,
    signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  },
  'get-header-value-order': {
    headers: [['my-header1', 'value4,value1,value3,value2']],
    signature: '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
  },
  'get-header-value-trim': {
    headers: [
      ['my-header1', ' value1'],
      ['my-header2', ' "a   b   c"'],
    ],
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
  'post-vanilla': {
    method: 'POST',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  'post-vanilla-query': {
    method: 'POST',
    query: 'Param1=value1',
    signature: '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
  },
  'post-header-value-case': {
    method: 'POST',
    headers: [['my-header1', 'VALUE1']],
    signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  },
  'post-x-www-form-urlencoded': {
    method: 'POST',
    headers: [['content-type', 'application/x-www-form-urlencoded']],
    body: 'Param1=value1',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
}

describe("AWS's test suite of Signature Version 4", () => {
  it.each(Object.entries(suite))(
    '%s',
    (_, { method = 'GET', path = '/', query = '', headers = [], body, signature }) => {
      const all: (readonly [string, string])[] = [...headers, ['host', 'example.amazonaws.com'], ['x-amz-date', TIME]]
      all.sort(([a], [b]) => (a < b ? -1 : 1))
      const canonical = canonicalRequest({
        method,
        path: canonicalPath(path) ?? 'refused',
        query: canonicalQuery(query) ?? 'refused',
        headers: all,
        payload: sha256(body ?? ''),
      })
      const scope = { date: '20150830', region: 'us-east-1', service: 'service' }
      expect(signatureOf(SECRET, TIME, scope, canonical).toString('hex')).toBe(signature)
    },
  )

  it('and the worked example of the documentation', () => {
    const canonical = canonicalRequest({
      method: 'GET',
      path: '/',
      query: canonicalQuery('Action=ListUsers&Version=2010-05-08') ?? 'refused',
      headers: [
        ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
        ['host', 'iam.amazonaws.com'],
        ['x-amz-date', TIME],
      ],
      payload: sha256(''),
    })
    expect(sha256(canonical)).toBe('f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59')
    const scope = { date: '20150830', region: 'us-east-1', service: 'iam' }
    expect(signatureOf(SECRET, TIME, scope, canonical).toString('hex')).toBe(
      '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    )
  })
})

describe('one reading of an address', () => {
  it.each([
    ['/model/eu.anthropic.claude:0/converse', '/model/eu.anthropic.claude%3A0/converse'],
    ['/bedrock/model/arn%3Aaws%3Abedrock%2Fx/converse', '/bedrock/model/arn%253Aaws%253Abedrock%252Fx/converse'],
    ["/a!'()*~", '/a%21%27%28%29%2A~'],
    ['/a/', '/a/'],
    ['/...', '/...'],
    ['/%2E%2E/a', '/%252E%252E/a'],
    ['//', null],
    ['/a//b', null],
    ['/a/./b', null],
    ['/a/../b', null],
    ['/a/..', null],
    ['/a/.', null],
    ['a', null],
    ['', null],
    ['*', null],
    ['/a b', null],
    ['/\u00e9', null],
    [`/${'/'.repeat(50_000)} `, null],
  ])('%.60s', (path, canonical) => {
    expect(canonicalPath(path)).toBe(canonical)
  })

  it.each([
    ['', ''],
    ['beta=true', 'beta=true'],
    ['b&a=', 'a=&b='],
    ['a=2&a=1&a', 'a=&a=1&a=2'],
    // A name goes before one that it begins, whatever stands behind it: `=` would sort after `-`.
    ['a-=1&a=2', 'a=2&a-=1'],
    ['%C3%A9=%20', '%C3%A9=%20'],
    ['a=b+c', null],
    ['a=%2f', null],
    ['a=%41', null],
    ['a=/', null],
    ['a=b=c', null],
    ['a=%', null],
    ['a=%FF', null],
    ['a=\u00e9', null],
    ['a&&b', null],
    ['a&', null],
    ['=a', null],
  ])('?%s', (query, canonical) => {
    expect(canonicalQuery(query)).toBe(canonical)
  })
})
