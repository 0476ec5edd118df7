import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { overH2c, type Transport } from '../e2e/transport.ts'
import { openScene, type Scene, streams } from '../telemetry/scene.ts'
import { ALL_DOORS } from '../wire/doors.ts'
import { ask, claimsOf, type Idp, newSigner, type Signer, setOf, startIdp, tokenOf } from './tokens.ts'

const PLACES: readonly (readonly [header: string, text: (token: string) => string])[] = [
  ['authorization', (token) => `Bearer ${token}`],
  ['x-api-key', (token) => token],
  ['api-key', (token) => token],
  ['x-goog-api-key', (token) => token],
]
const SIGNERS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'].map((alg) => newSigner(alg, `of-${alg}`))
/** Of the same names, and of nobody. */
const FORGERS = SIGNERS.map(({ alg, kid }) => newSigner(alg, kid))

let idp: Idp
let scene: Scene
let h2c: Transport
beforeAll(async () => {
  idp = await startIdp()
  idp.serve('/jwks', { ...Object(setOf(...SIGNERS)) })
  const issuer = { issuer: idp.url, jwks: `${idp.url}/jwks`, audience: 'customhouse', tenant: 'claims' }
  const algorithms = SIGNERS.map(({ alg }) => alg)
  scene = await openScene({ config: { identity: { jwt: [{ ...issuer, algorithms }] } } })
  h2c = overH2c(scene.post.customhouse.data)
}, 60_000)
afterAll(async () => {
  await h2c?.close()
  await scene?.stop()
  await idp?.down()
})

const rows = ALL_DOORS.flatMap((door) =>
  [false, true]
    .filter((streamed) => !streamed || streams(door))
    .flatMap((streamed) =>
      ['HTTP/1.1', 'h2c'].map((protocol) => ({
        title: `${door.title}, ${streamed ? 'streamed' : 'whole'}, ${protocol}`,
        door,
        streamed,
        protocol,
      })),
    ),
)

describe('a token where an SDK puts its key', () => {
  it.each(rows)('$title: good ones of each kind are served, forged ones of each are not', async (row) => {
    const { door, streamed, protocol } = row
    const options = { streamed, send: protocol === 'h2c' ? h2c.send : fetch }
    const call = async (signer: Signer, place: (typeof PLACES)[number]) => {
      const token = tokenOf(signer, claimsOf(idp.url))
      return { token, ...(await ask(scene.post.customhouse.data, door, { [place[0]]: place[1](token) }, options)) }
    }
    for (const [index, signer] of SIGNERS.entries()) {
      const place = PLACES[index % PLACES.length]
      const forger = FORGERS[index]
      if (place === undefined || forger === undefined) throw new Error('there are as many')
      const before = scene.recorder.requests.length
      const good = await call(signer, place)
      expect([place[0], signer.alg, good.status]).toEqual([place[0], signer.alg, 200])
      expect(good.text).toMatch(door.title.endsWith('counting') ? /input_tokens/ : /Good|:event-type.{1,3}chunk/s)
      expect(scene.recorder.requests).toHaveLength(before + 1)
      const sent = scene.recorder.requests.at(-1)?.wire.toString('latin1') ?? ''
      expect(sent.includes(good.token)).toBe(false)
      const forged = await call(forger, place)
      expect(forged.status).toBe(401)
      expect(forged.text).not.toContain(forged.token)
      expect(scene.recorder.requests).toHaveLength(before + 1)
    }
  })

  it('is neither on record nor in the log, nor is its signature', async () => {
    const [signer] = SIGNERS
    const [door] = ALL_DOORS
    if (signer === undefined || door === undefined) throw new Error('there are some')
    const token = tokenOf(signer, claimsOf(idp.url))
    expect((await ask(scene.post.customhouse.data, door, { 'x-api-key': token })).status).toBe(200)
    await scene.post.settled()
    const told = JSON.stringify([scene.post.journal, scene.post.logged])
    expect(told.includes('call.outcome')).toBe(true)
    expect(told.includes(token.split('.')[2] ?? token)).toBe(false)
    expect(told.includes(token.split('.')[1] ?? token)).toBe(false)
  })
})
