import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { openTokens, type Tokens, type TokensEvent } from '../../src/identity/index.ts'
import { codeOf } from './kit.ts'
import { claimsOf, type Idp, issuerAt, jwkOf, newSigner, type Signer, startIdp, tokenOf } from './tokens.ts'

/** What an issuer offers as keys, over a real socket, and what is taken of it. */

const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

const ALL = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

type Opened = Readonly<{ idp: Idp; tokens: Tokens; events: readonly TokensEvent[] }>

async function opened(document: unknown, algorithms: readonly string[] = ALL): Promise<Opened> {
  const idp = await startIdp()
  cleaning.push(() => idp.down())
  idp.serve('/jwks', typeof document === 'string' ? document : Object(document))
  const events: TokensEvent[] = []
  const tokens = openTokens({
    issuers: [issuerAt(idp.url, { algorithms })],
    report: (event) => events.push(event),
  })
  cleaning.push(() => tokens.close())
  await tokens.refresh()
  return { idp, tokens, events }
}

const verdict = ({ idp, tokens }: Opened, signer: Signer, header = {}): Promise<string> =>
  codeOf(() => tokens.prove(tokenOf(signer, claimsOf(idp.url), header)))

describe('a signature', () => {
  it.each(ALL)('of %s is good with its key, and with no other name of a way to sign', async (alg) => {
    const signer = newSigner(alg, 'one')
    const here = await opened({ keys: [jwkOf(signer)] })
    expect(await verdict(here, signer)).toBe('none')
    for (const other of [...ALL, 'HS256', 'HS512', 'none', 'Ed25519', 'ES256K', 'rs256'].filter((one) => one !== alg)) {
      expect([other, await verdict(here, signer, { alg: other })]).toEqual([other, 'ERR_IDENTITY_INVALID'])
    }
  })

  it('that the issuer says its key is not for, or that is not configured, is refused', async () => {
    const [one, two] = [newSigner('RS256', 'one'), newSigner('RS512', 'two')]
    const here = await opened({ keys: [jwkOf(one, { alg: 'PS256' }), jwkOf(two)] }, ['RS256', 'PS256'])
    expect(await verdict(here, one)).toBe('ERR_IDENTITY_INVALID')
    expect(await verdict(here, { ...one, alg: 'PS256' })).toBe('none')
    expect(await verdict(here, two)).toBe('ERR_IDENTITY_INVALID')
    expect(await verdict(here, { ...two, alg: 'RS256' })).toBe('none')
  })
})

const good = newSigner('RS256', 'good')
const bad = newSigner('RS256', 'bad')
const privately = (signer: Signer): JsonWebKey => ({ ...signer.privateKey.export({ format: 'jwk' }), kid: signer.kid })
const x25519 = (): JsonWebKey => generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })
const secp = (): JsonWebKey =>
  generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' })

const DROPPED: readonly (readonly [title: string, keys: () => readonly object[], why: RegExp])[] = [
  ['an RSA key of 1024 bits', () => [jwkOf(newSigner('RS256', 'bad', 1_024))], /2048 bits/],
  ['a shared secret', () => [{ kty: 'oct', k: 'c2VjcmV0', kid: 'bad' }], /shared secret/],
  ['a shared secret beside a good key', () => [{ ...jwkOf(bad), k: 'c2VjcmV0' }], /shared secret/],
  ['a private key', () => [privately(bad)], /private key/],
  ['a private key of a curve', () => [privately(newSigner('ES256', 'bad'))], /private key/],
  ['a key for encryption', () => [jwkOf(bad, { use: 'enc' })], /use/],
  ['a key for signing alone', () => [jwkOf(bad, { key_ops: ['sign'] })], /key_ops/],
  ['a key of another way', () => [jwkOf(bad, { alg: 'RSA-OAEP' })], /alg/],
  ['an id twice', () => [jwkOf(bad), jwkOf(newSigner('RS256', 'bad'))], /twice/],
  ['an id three times', () => [jwkOf(bad), jwkOf(bad), jwkOf(bad)], /twice/],
  ['an id twice, one of which cannot serve', () => [jwkOf(bad, { use: 'enc' }), jwkOf(bad)], /use|twice/],
  ['a key without an id', () => [{ ...jwkOf(bad), kid: undefined }], /kid/],
  ['an id that is a number', () => [{ ...jwkOf(bad), kid: 7 }], /kid/],
  ['a key for agreements', () => [{ ...x25519(), kid: 'bad' }], /kty, crv, alg/],
  ['a curve that is not configured', () => [{ ...secp(), kid: 'bad' }], /kty, crv, alg/],
  ['a kind that nobody knows', () => [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA', kid: 'bad' }], /kty, crv, alg/],
  ['a point that is not on its curve', () => [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'bad' }], /read/],
  ['an exponent of one', () => [jwkOf(bad, { e: 'AQ' })], /exponent|read/],
]

describe('a set of keys with', () => {
  it.each(DROPPED)('%s: it is left out and told, and the others serve', async (_, keys, why) => {
    const here = await opened({ keys: [...keys(), jwkOf(good)] })
    expect(here.events).toHaveLength(1)
    const [event] = here.events
    if (event?.kind !== 'loaded') throw new Error('it was not loaded')
    expect(event.keys).toEqual(['good'])
    expect(event.dropped.join()).toMatch(why)
    expect(await verdict(here, good)).toBe('none')
    expect(await verdict(here, bad)).toBe('ERR_IDENTITY_INVALID')
  })

  const many = Array.from({ length: 101 }, (_, index) => jwkOf(good, { kid: `k${index}` }))
  it.each([
    ['nothing', ''],
    ['text', '"keys"'],
    ['a list alone', '[]'],
    ['no list', '{"keys":{}}'],
    ['a list of texts', '{"keys":["x"]}'],
    ['a member twice', '{"keys":[],"keys":[]}'],
    ['something behind it', '{"keys":[]} x'],
    ['101 keys', JSON.stringify({ keys: many })],
    ['deep nesting', `{"keys":[],"x":${'['.repeat(50)}${']'.repeat(50)}}`],
    ['more than a mebibyte', JSON.stringify({ keys: [jwkOf(good)], x: 'x'.repeat(1024 * 1024) })],
    ['a web page', '<html></html>'],
  ])('%s: it is none, and nobody can tell', async (_, text) => {
    const here = await opened(text)
    expect(here.events.map(({ kind }) => kind)).toEqual(['rejected'])
    expect(await verdict(here, good)).toBe('ERR_IDENTITY_UNAVAILABLE')
  })

  it('no keys at all: a good set, with which nothing is signed', async () => {
    const here = await opened({ keys: [] })
    expect(await verdict(here, good)).toBe('ERR_IDENTITY_INVALID')
  })
})
