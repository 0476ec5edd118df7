import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { readTls, type TlsSource } from '../../src/providers/tls.ts'
import { selfSigned, whole } from '../kit/index.ts'
import { at, KINDS } from './kinds.ts'
import { ending, provider, TEXT, upstream } from './setup.ts'

const server = selfSigned(['localhost'])
const ours = selfSigned(['gateway.example'])
const stranger = selfSigned(['gateway.example'])
const mutual = { ...server, requestCert: true, rejectUnauthorized: true, ca: ours.cert }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-tls-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('a provider that asks for a certificate', () => {
  it.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s shows ours', async (_, kind) => {
    const { url, requests } = await upstream(whole(TEXT), mutual)
    const source = { ca: file('ca.pem', server.cert), cert: file('cert.pem', ours.cert), key: ours.key }
    const { open } = at(kind, url, { tls: readTls('one', source).options })
    expect(await ending(() => open(), 'whole')).toBe('fine')
    expect(requests).toHaveLength(1)
  })

  it.each<[string, Parameters<typeof provider>[1]]>([
    ['none', { tls: { ca: server.cert } }],
    ['that of a stranger', { tls: { ca: server.cert, cert: stranger.cert, key: stranger.key } }],
    ['ours, but does not trust it', { tls: { cert: ours.cert, key: ours.key } }],
  ])('gets no call when it is shown %s', async (_, options) => {
    const { url, requests } = await upstream(whole(TEXT), mutual)
    expect(await ending(provider(url, options).open, 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
    expect(requests).toHaveLength(0)
  })
})

describe('what the configuration names', () => {
  const source = (changes: Partial<TlsSource>): TlsSource => ({ ca: null, cert: null, key: null, ...changes })

  it('is read, several certificates too', () => {
    const bundle = `# two of them\n${server.cert}\n${ours.cert}`
    const read = readTls('p', { ca: file('two.pem', bundle), cert: file('own.pem', ours.cert), key: ours.key })
    expect(read.options).toEqual({ ca: bundle, cert: ours.cert, key: ours.key })
    expect(readTls('p', source({})).options).toEqual({})
  })

  it('has a digest that changes with every part of it', () => {
    const ca = file('a.pem', server.cert)
    const cert = file('b.pem', ours.cert)
    const digests = [
      readTls('p', source({})).digest,
      readTls('p', source({ ca })).digest,
      readTls('p', source({ ca: cert })).digest,
      readTls('p', source({ cert, key: ours.key })).digest,
      readTls('p', source({ ca, cert, key: ours.key })).digest,
    ]
    expect(new Set(digests).size).toBe(digests.length)
    writeFileSync(ca, stranger.cert)
    expect(digests).not.toContain(readTls('p', source({ ca })).digest)
    writeFileSync(ca, server.cert)
    expect(readTls('p', source({ ca })).digest).toBe(digests[1])
  })

  const half = server.cert.slice(0, server.cert.length / 2)
  test.each<[string, 'ca' | 'cert', string | null]>([
    ['is not there', 'ca', null],
    ['is empty', 'ca', ''],
    ['holds no PEM', 'ca', 'hello'],
    ['holds a key only', 'ca', ours.key],
    ['holds half a certificate', 'ca', half],
    ['holds a certificate that is none', 'ca', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    [
      'holds a good one and one that is none',
      'ca',
      `${server.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    ],
    ['holds a good one and half of another', 'ca', `${server.cert}${half}`],
    ['holds a key beside the certificate', 'cert', `${ours.cert}${ours.key}`],
    ['is too large', 'ca', 'x'.repeat(1_048_577)],
    ['is not there', 'cert', null],
    ['holds no PEM', 'cert', 'hello'],
    ['is that of another key', 'cert', stranger.cert],
  ])('a file that %s (%s) is refused by its path', (_, member, text) => {
    const path = text === null ? join(folder, 'absent.pem') : file('bad.pem', text)
    const read = () => readTls('claims-eu', source({ [member]: path, ...(member === 'cert' ? { key: ours.key } : {}) }))
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
    expect(read).toThrow(path)
    expect(read).toThrow(/claims-eu/)
    expect(read).not.toThrow(/PRIVATE|MIG|MII/)
  })

  it('a folder is no file', () => {
    expect(() => readTls('p', source({ ca: folder }))).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
  })

  it.each([
    ['none', 'hello'],
    ['cut off', ours.key.slice(0, 80)],
    ['of another certificate', stranger.key],
  ])('a key that is %s is refused, and not told', (_, key) => {
    const read = () => readTls('p', source({ cert: file('own.pem', ours.cert), key }))
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
    expect(read).not.toThrow(/hello|PRIVATE|MIG/)
  })
})
