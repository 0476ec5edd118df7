import { afterEach, describe, expect, it } from 'vitest'
import { type Issuer, openTokens, type Tokens, type TokensEvent } from '../../src/identity/index.ts'
import { selfSigned } from '../kit/index.ts'
import { codeOf } from './kit.ts'
import { claimsOf, type Idp, issuerAt, newSigner, type Served, setOf, startIdp, tokenOf } from './tokens.ts'

/** Where an issuer's keys are, and what answers there. */

const signer = newSigner('RS256', 'one')
const DOCUMENT = '/.well-known/openid-configuration'
const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

async function started(options: Parameters<typeof startIdp>[0] = {}): Promise<Idp> {
  const idp = await startIdp(options)
  cleaning.push(() => idp.down())
  idp.serve('/keys', Object(setOf(signer)))
  return idp
}

type Opened = Readonly<{ tokens: Tokens; events: readonly TokensEvent[]; verdict(): Promise<string> }>

async function opened(idp: Idp, more: Partial<Issuer> = {}): Promise<Opened> {
  const events: TokensEvent[] = []
  const issuer = issuerAt(idp.url, { jwks: null, ...more })
  const tokens = openTokens({ issuers: [issuer], report: (event) => events.push(event) })
  cleaning.push(() => tokens.close())
  await tokens.refresh()
  const verdict = () => codeOf(() => tokens.prove(tokenOf(signer, claimsOf(issuer.issuer))))
  return { tokens, events, verdict }
}

const told = ({ events }: Opened): string =>
  events.map((event) => (event.kind === 'rejected' ? event.error.message : event.kind)).join()

describe('discovery', () => {
  it('leads to the keys, of an issuer with a path too, whether or not it ends with a slash', async () => {
    const idp = await started()
    for (const path of ['', '/', '/realm', '/realm/']) {
      const issuer = `${idp.url}${path}`
      idp.serve(`${path.replace(/\/$/, '')}${DOCUMENT}`, { issuer, jwks_uri: `${idp.url}/keys`, more: [1] })
      const here = await opened(idp, { issuer })
      expect([path, await here.verdict()]).toEqual([path, 'none'])
    }
  })

  const rows: readonly (readonly [string, (idp: Idp) => Served, RegExp])[] = [
    ['of another issuer', (idp) => ({ issuer: `${idp.url}/x`, jwks_uri: `${idp.url}/keys` }), /another issuer/],
    ['of an issuer with a slash more', (idp) => ({ issuer: `${idp.url}/`, jwks_uri: `${idp.url}/keys` }), /another/],
    ['of no issuer', (idp) => ({ jwks_uri: `${idp.url}/keys` }), /another issuer/],
    ['without keys', (idp) => ({ issuer: idp.url }), /jwks_uri/],
    ['into clear text', (idp) => ({ issuer: idp.url, jwks_uri: 'http://idp.example/keys' }), /https/],
    ['into a file', (idp) => ({ issuer: idp.url, jwks_uri: 'file:///etc/passwd' }), /https/],
    ['with a password', (idp) => ({ issuer: idp.url, jwks_uri: `https://a:b@${new URL(idp.url).host}/keys` }), /https/],
    [
      'with the issuer twice',
      (idp) => `{"issuer":"x","issuer":"${idp.url}","jwks_uri":"${idp.url}/keys"}`,
      /discovery/,
    ],
    ['that is a page', () => '<html>', /discovery/],
    ['that is too large', (idp) => ({ issuer: idp.url, jwks_uri: `${idp.url}/keys`, x: 'x'.repeat(1 << 20) }), /bytes/],
  ]
  it.each(rows)('%s is none, and nothing is asked for keys', async (_, served, why) => {
    const idp = await started()
    idp.serve(DOCUMENT, served(idp))
    const here = await opened(idp)
    expect(told(here)).toMatch(why)
    expect(await here.verdict()).toBe('ERR_IDENTITY_UNAVAILABLE')
    expect(idp.asked).not.toContain('/keys')
  })
})

describe('an answer', () => {
  const good = JSON.stringify(setOf(signer))
  const rows: readonly (readonly [string, (elsewhere: string) => Served, RegExp])[] = [
    ...[301, 302, 303, 307, 308].map(
      (status) =>
        [
          `that leads elsewhere (${status})`,
          (elsewhere: string): Served =>
            (_, response) =>
              response.writeHead(status, { location: `${elsewhere}/keys` }).end(good),
          new RegExp(`answered ${status}`),
        ] as const,
    ),
    ['of 500', () => (_, response) => response.writeHead(500).end(good), /answered 500/],
    ['of 204', () => (_, response) => response.writeHead(204).end(), /answered 204/],
    ['of 404', () => (_, response) => response.writeHead(404).end(good), /answered 404/],
    [
      'that is compressed',
      () => (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(good),
      /content coding/,
    ],
    [
      'that breaks off',
      () => (_, response) => {
        response.writeHead(200, { 'content-length': '99999' })
        response.write(good, () => response.destroy())
      },
      /ECONNRESET|aborted/,
    ],
    ['that never begins', () => () => undefined, /within 5 s/],
    [
      'that never ends',
      () => (_, response) => {
        response.writeHead(200)
        response.write(good)
      },
      /within 5 s/,
    ],
    [
      'without end',
      () => (_, response) => {
        const more = (): void => {
          if (!response.destroyed) response.write(Buffer.alloc(65_536, 0x20), more)
        }
        more()
      },
      /more than 1048576 bytes/,
    ],
  ]
  it.each(rows)(
    '%s holds no keys, and goes nowhere',
    async (_, served, why) => {
      const [idp, elsewhere] = [await started(), await started()]
      idp.serve('/jwks', served(elsewhere.url))
      const here = await opened(idp, { jwks: `${idp.url}/jwks` })
      expect(told(here)).toMatch(why)
      expect(await here.verdict()).toBe('ERR_IDENTITY_UNAVAILABLE')
      expect(elsewhere.asked).toEqual([])
    },
    20_000,
  )
})

describe('an issuer over TLS', () => {
  it('with a CA of the operator is believed with it alone, and by its name', async () => {
    const [certificate, stranger] = [selfSigned(), selfSigned()]
    const idp = await started({ tls: certificate })
    idp.serve(DOCUMENT, { issuer: idp.url, jwks_uri: `${idp.url}/keys` })
    expect(await (await opened(idp, { ca: certificate.cert })).verdict()).toBe('none')
    for (const ca of [null, stranger.cert, 'no certificate']) {
      const asked = idp.asked.length
      const here = await opened(idp, { ca })
      expect(await here.verdict()).toBe('ERR_IDENTITY_UNAVAILABLE')
      expect(idp.asked).toHaveLength(asked)
    }
  })

  it('whose certificate names another machine is not believed', async () => {
    const certificate = selfSigned(['elsewhere.example'])
    const idp = await started({ tls: certificate })
    const here = await opened(idp, { ca: certificate.cert, jwks: `${idp.url}/keys` })
    expect(told(here)).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/)
    expect(await here.verdict()).toBe('ERR_IDENTITY_UNAVAILABLE')
    expect(idp.asked).toEqual([])
  })
})
