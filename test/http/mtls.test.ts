import { execFile } from 'node:child_process'
import { connect as connectH2 } from 'node:http2'
import { request as requestH1 } from 'node:https'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Agent, request as undici } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import type { Handler } from '../../src/http/exchange.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { certificateOf } from '../../src/http/peer.ts'
import { openCertificates } from '../../src/identity/index.ts'
import {
  type Authority,
  authority,
  certificateFolder,
  hasOpenssl,
  type Issued,
  selfIssued,
} from '../identity/certificates.ts'
import { selfSigned } from '../kit/certificate.ts'

/** What a connection proves of its client: over HTTP/1.1 and HTTP/2, in full handshakes and resumed ones. */

const LIMITS = { connectionMs: 5_000, headerBytes: 16_384, headersMs: 5_000, requestMs: 5_000, keepAliveMs: 20_000 }
const CLAIMS = 'spiffe://bank.example/claims'
const LAB = 'lab.bank.example'
const certificates = openCertificates(
  new Map([
    [CLAIMS, { tenant: 'claims', groups: ['bots'], purpose: 'triage' }],
    [LAB, { tenant: 'lab', groups: [], purpose: null }],
  ]),
)

/** Says who calls: the subject, `nobody`, or why not. */
const handler: Handler = (request, response) => {
  let said: string
  try {
    const certificate = certificateOf(request)
    said = certificate === null ? 'nobody' : certificates.prove(certificate).subject
  } catch (error) {
    if (!isCustomhouseError(error, 'ERR_IDENTITY_INVALID')) throw error
    said = error.message
  }
  request.resume()
  if ('stream' in response) response.end(said)
  else response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(said) }).end(said)
}

const here = hasOpenssl()
const { folder, remove } = certificateFolder()
const server = selfSigned()
let bank: Authority
let other: Authority
let listener: Listener

const start = (clientCa: string): Promise<Listener> =>
  listen({ host: '127.0.0.1', port: 0 }, handler, LIMITS, {
    streams: 16,
    certificate: { cert: server.cert, key: server.key, clientCa },
  })

beforeAll(async () => {
  if (!here) return
  bank = authority(folder)
  other = authority(folder)
  listener = await start(bank.cert)
})
afterAll(() => {
  listener?.destroy()
  remove()
})

type Shown = Readonly<{
  cert?: string
  key?: string
  headers?: Readonly<Record<string, string>>
  maxVersion?: 'TLSv1.2'
}>

const tlsOf = ({ cert, key, maxVersion }: Shown) => ({
  ca: server.cert,
  servername: 'localhost',
  ...(cert === undefined ? {} : { cert, key }),
  ...(maxVersion === undefined ? {} : { maxVersion }),
})

function overH1(shown: Shown, at = listener): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = requestH1(at.url, { ...tlsOf(shown), agent: false, headers: shown.headers ?? {} }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
    request.end()
  })
}

function overH2(shown: Shown, at = listener): Promise<string> {
  const session = connectH2(at.url, tlsOf(shown))
  return new Promise<string>((resolve, reject) => {
    session.on('error', reject)
    const stream = session.request({ ':path': '/', ...shown.headers })
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    stream.on('end', () => resolve(text)).on('error', reject)
  }).finally(() => session.destroy())
}

async function overUndici(shown: Shown): Promise<string> {
  const { cert, key } = shown
  const agent = new Agent({
    connect: { ca: server.cert, servername: 'localhost', ...(cert === undefined ? {} : { cert, key }) },
  })
  try {
    const { body } = await undici(listener.url, { dispatcher: agent, headers: shown.headers ?? {} })
    return await body.text()
  } finally {
    await agent.close()
  }
}

const NO_CA = 'no CA that is known here has issued it'

describe.skipIf(!here)('a client certificate', () => {
  const cases: readonly [string, () => Issued, string][] = [
    ['of a URI', () => bank.issue({ san: `URI:${CLAIMS}` }), CLAIMS],
    ['of a DNS name', () => bank.issue({ san: `DNS:${LAB}` }), LAB],
    ['of both, one of which is known', () => bank.issue({ san: `URI:${CLAIMS},DNS:x.bank.example` }), CLAIMS],
    ['of names of two tenants', () => bank.issue({ san: `URI:${CLAIMS},DNS:${LAB}` }), 'more than one of those'],
    ['of two SPIFFE ids', () => bank.issue({ san: `URI:${CLAIMS},URI:spiffe://bank.example/x` }), 'a further URI'],
    ['of a subject in its common name alone', () => bank.issue({ cn: LAB }), 'names nobody'],
    ['of a longer URI', () => bank.issue({ san: `URI:${CLAIMS}/x` }), 'names nobody'],
    ['of a wildcard', () => bank.issue({ san: 'DNS:*.bank.example' }), 'names nobody'],
    ['of a name in other letters', () => bank.issue({ san: `DNS:${LAB.toUpperCase()}` }), 'names nobody'],
    ['whose e-mail is a known name', () => bank.issue({ san: 'email:x@lab.bank.example' }), 'names nobody'],
    ['for servers', () => bank.issue({ san: `URI:${CLAIMS}`, eku: 'serverAuth' }), 'does not name clientAuth'],
    ['for nothing that it names', () => bank.issue({ san: `URI:${CLAIMS}`, eku: null }), 'does not name clientAuth'],
    ['that has expired', () => bank.issue({ san: `URI:${CLAIMS}`, to: '20240101000000Z' }), 'has expired'],
    ['that is not valid yet', () => bank.issue({ san: `URI:${CLAIMS}`, from: '20980101000000Z' }), 'not valid yet'],
    ['of another CA', () => other.issue({ san: `URI:${CLAIMS}` }), NO_CA],
    ['that signed itself', () => selfIssued(folder, { san: `URI:${CLAIMS}` }), 'self-signed'],
    ['of a CA itself', () => bank.issue({ san: `URI:${CLAIMS}`, ca: true }), 'that of a CA'],
    ['below a CA that it does not show', () => bank.below().issue({ san: `URI:${CLAIMS}` }), NO_CA],
    [
      'below a CA that it shows',
      () => {
        const middle = bank.below()
        const leaf = middle.issue({ san: `URI:${CLAIMS}` })
        return { ...leaf, cert: leaf.cert + middle.cert }
      },
      CLAIMS,
    ],
  ]
  test.each(cases)('%s', async (_, make, wanted) => {
    const shown = make()
    expect(await overH1(shown)).toContain(wanted)
    expect(await overH1({ ...shown, maxVersion: 'TLSv1.2' })).toContain(wanted)
    expect(await overH2(shown)).toContain(wanted)
    expect(await overUndici(shown)).toContain(wanted)
  })

  test('none at all: nobody, whatever headers say', async () => {
    const good = bank.issue({ san: `URI:${CLAIMS}` })
    const headers = {
      'x-forwarded-client-cert': `Hash=00;URI=${CLAIMS}`,
      'x-client-cert': encodeURIComponent(good.cert),
      'ssl-client-cert': encodeURIComponent(good.cert),
      'client-cert': `:${Buffer.from(good.cert).toString('base64')}:`,
    }
    for (const over of [overH1, overH2, overUndici]) expect(await over({ headers })).toBe('nobody')
  })

  test('by curl, over both protocols', async () => {
    const { certFile, keyFile } = bank.issue({ san: `URI:${CLAIMS}` })
    for (const protocol of ['--http1.1', '--http2']) {
      const said = await new Promise<string>((resolve, reject) =>
        execFile('curl', ['-sk', protocol, '--cert', certFile, '--key', keyFile, listener.url], (error, stdout) =>
          error === null ? resolve(stdout) : reject(error),
        ),
      )
      expect(said).toBe(CLAIMS)
    }
  })

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s that is resumed', (version) => {
    test('has the certificate of the one before; without any it has none; with a bad one it has a bad one', async () => {
      const good = bank.issue({ san: `URI:${CLAIMS}` })
      const bad = other.issue({ san: `URI:${CLAIMS}` })
      for (const [shown, wanted] of [
        [good, CLAIMS],
        [{}, 'nobody'],
        [bad, NO_CA],
      ] as const) {
        const first = await speak(version, shown)
        expect(first).toMatchObject({ reused: false, said: expect.stringContaining(wanted) })
        // What a client shows now is not asked for: the session is what was verified.
        const second = await speak(version, {}, first.session)
        expect(second).toMatchObject({ reused: true, said: expect.stringContaining(wanted) })
      }
    })
  })

  test('a client may not show another one in the middle of a connection', async () => {
    const socket = connectTls({ ...address(), ...tlsOf({ maxVersion: 'TLSv1.2' }) })
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    const error = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve)
      socket.renegotiate({ rejectUnauthorized: false }, (refused) => resolve(refused))
    })
    socket.destroy()
    expect(error).toBeInstanceOf(Error)
  })

  test('CAs are renewed: connections are looked at again, sessions from before are not resumed, rubbish changes nothing', async () => {
    const renewed = await start(bank.cert)
    try {
      const good = bank.issue({ san: `URI:${CLAIMS}` })
      const late = other.issue({ san: `URI:${CLAIMS}` })
      const session = connectH2(renewed.url, tlsOf(good))
      const ask = (): Promise<string> =>
        new Promise((resolve, reject) => {
          let text = ''
          const stream = session.request({ ':path': '/' }).setEncoding('utf8')
          stream.on('data', (chunk: string) => {
            text += chunk
          })
          stream.on('end', () => resolve(text)).on('error', reject)
        })
      expect(await ask()).toBe(CLAIMS)
      expect(await overH1(late, renewed)).toContain(NO_CA)
      const before = await speak('TLSv1.3', good, undefined, renewed)

      for (const rubbish of ['', 'rubbish', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
        expect(() => renewed.renew({ ...server, clientCa: rubbish })).toThrow()
      }
      expect(() => renewed.renew(server)).toThrow()
      expect(await ask()).toBe(CLAIMS)
      expect(await overH1(late, renewed)).toContain(NO_CA)

      renewed.renew({ ...server, clientCa: bank.cert + other.cert })
      expect(await ask()).toBe(CLAIMS)
      expect(await overH1(good, renewed)).toBe(CLAIMS)
      expect(await overH2(late, renewed)).toBe(CLAIMS)

      renewed.renew({ ...server, clientCa: other.cert })
      expect(await ask()).toContain('the CAs were renewed')
      expect(await overH1(good, renewed)).toContain(NO_CA)
      expect(await overH1(late, renewed)).toBe(CLAIMS)
      expect(await speak('TLSv1.3', {}, before.session, renewed)).toMatchObject({
        reused: false,
        said: expect.stringContaining('nobody'),
      })
      session.destroy()
    } finally {
      renewed.destroy()
    }
  })
})

const address = (at = listener) => ({ host: '127.0.0.1', port: Number(new URL(at.url).port) })

type Spoken = Readonly<{ reused: boolean; said: string; session: Buffer | undefined }>

/** One call on a connection of its own, and the session that it can be resumed with. */
async function speak(version: 'TLSv1.2' | 'TLSv1.3', shown: Shown, session?: Buffer, at = listener): Promise<Spoken> {
  const socket: TLSSocket = connectTls({
    ...address(at),
    ...tlsOf(shown),
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  })
  let text = ''
  let given: Buffer | undefined
  socket.on('session', (one: Buffer) => {
    given = one
  })
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const reused = socket.isSessionReused()
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve))
  return { reused, said: text, session: given }
}
