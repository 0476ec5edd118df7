import { afterAll, beforeAll, expect, it } from 'vitest'
import { openScene, type Scene } from '../telemetry/scene.ts'
import { ALL_DOORS, OPENAI } from '../wire/doors.ts'
import { ask, bearer, claimsOf, type Idp, newSigner, setOf, startIdp, tokenOf } from './tokens.ts'

const [signer, forger] = [newSigner('RS256', 'one'), newSigner('RS256', 'one')]
let idp: Idp
let scene: Scene
beforeAll(async () => {
  idp = await startIdp()
  const issuer = (name: string) => {
    idp.serve(`/${name}/jwks`, Object(setOf(signer)))
    const url = `${idp.url}/${name}`
    return { issuer: url, jwks: `${url}/jwks`, audience: 'customhouse', tenant: 'claims' }
  }
  scene = await openScene({ config: { identity: { jwt: [issuer('flooded'), issuer('quiet')] } } })
}, 60_000)
afterAll(async () => {
  await scene?.stop()
  await idp?.down()
})

it('a flood of forged tokens is refused with one question to the issuer, and those who are good are served beside it', async () => {
  const origin = scene.post.customhouse.data
  const of = (name: string) => claimsOf(`${idp.url}/${name}`)
  const known = tokenOf(signer, of('flooded'))
  expect((await ask(origin, OPENAI, bearer(known))).status).toBe(200)
  expect((await ask(origin, OPENAI, bearer(tokenOf(signer, of('quiet'))))).status).toBe(200)
  const before = { sent: scene.recorder.requests.length, asked: idp.asked.length }

  const forged = [
    () => tokenOf(forger, of('flooded')),
    () => tokenOf({ ...forger, kid: `k${Math.random()}` }, of('flooded')),
    () => tokenOf(signer, { ...of('flooded'), aud: 'other' }),
    () => `${tokenOf(forger, of('flooded')).slice(0, -8)}AAAAAAAA`,
  ]
  const flood = { left: 2_000, statuses: new Set<number>() }
  const pour = async (): Promise<void> => {
    while (flood.left > 0) {
      const make = forged[flood.left-- % forged.length]
      const door = ALL_DOORS[flood.left % ALL_DOORS.length]
      if (make === undefined || door === undefined) throw new Error('there are some')
      const { status } = await ask(origin, door, bearer(make()), { streamed: flood.left % 2 === 0 && door === OPENAI })
      flood.statuses.add(status)
    }
  }
  let good = 0
  const serve = async (): Promise<void> => {
    while (flood.left > 0) {
      for (const token of [known, scene.post.key, tokenOf(signer, of('quiet'))]) {
        expect((await ask(origin, OPENAI, bearer(token), { streamed: good % 2 === 0 })).status).toBe(200)
        good += 1
      }
    }
  }
  await Promise.all([serve(), ...Array.from({ length: 40 }, pour)])
  expect(flood.statuses).toEqual(new Set([401]))
  expect(good).toBeGreaterThan(10)
  expect(scene.recorder.requests).toHaveLength(before.sent + good)
  expect(idp.asked.length - before.asked).toBeLessThanOrEqual(1)
}, 120_000)
