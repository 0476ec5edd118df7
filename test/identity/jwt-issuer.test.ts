import { afterEach, describe, expect, it } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { openScene, type Scene } from '../telemetry/scene.ts'
import { ANTHROPIC, OPENAI } from '../wire/doors.ts'
import { type Answered, ask, bearer, claimsOf, type Idp, newSigner, setOf, startIdp, tokenOf } from './tokens.ts'

/** A gateway whose issuer goes and comes, and changes its keys. */

const [first, second] = [newSigner('RS256', 'first'), newSigner('ES256', 'second')]
const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

async function idpOf(up: boolean): Promise<Idp> {
  const idp = await startIdp({ up })
  cleaning.push(() => idp.down())
  idp.serve('/jwks', Object(setOf(first)))
  return idp
}

async function sceneOf(
  idp: Idp,
  more: Readonly<Record<string, Json>> = {},
  { plugins = [], config: rest = {} }: Readonly<{ plugins?: Plugin[]; config?: Readonly<Record<string, Json>> }> = {},
): Promise<Scene> {
  const issuer = { issuer: idp.url, jwks: `${idp.url}/jwks`, audience: 'customhouse', tenant: 'claims' }
  const config = { identity: { jwt: [{ ...issuer, keys_every: '1s', ...more }] }, ...rest }
  const scene = await openScene({ config, plugins })
  cleaning.push(() => scene.stop())
  return scene
}

/** Statuses of a call at two doors, whole and streamed. */
async function statuses({ post }: Scene, token: string): Promise<readonly number[]> {
  const all = [OPENAI, ANTHROPIC].flatMap((door) =>
    [false, true].map((streamed) => ask(post.customhouse.data, door, bearer(token), { streamed })),
  )
  return (await Promise.all(all)).map(({ status }) => status)
}
const everywhere = (status: number): readonly number[] => [status, status, status, status]
const fresh = (idp: Idp): string => tokenOf(first, claimsOf(idp.url))
const LONG = { timeout: 25_000, interval: 100 }

describe("an issuer's keys", () => {
  it('cannot be had at the start: its tokens wait with 503, gateway keys are served, and it comes right by itself', async () => {
    const idp = await idpOf(false)
    const scene = await sceneOf(idp)
    const refused: Answered = await ask(scene.post.customhouse.data, OPENAI, bearer(fresh(idp)))
    expect(refused.status).toBe(503)
    expect(Number(refused.retryAfter)).toBeGreaterThan(0)
    expect(await statuses(scene, fresh(idp))).toEqual(everywhere(503))
    expect(scene.recorder.requests).toHaveLength(0)
    expect(await statuses(scene, scene.post.key)).toEqual(everywhere(200))
    await idp.up()
    await expect.poll(() => statuses(scene, fresh(idp)), LONG).toEqual(everywhere(200))
  }, 60_000)

  it('cannot be had later: the last good ones serve until keys_stale_after, then 503 for old tokens and new, until it is back', async () => {
    const idp = await idpOf(true)
    const scene = await sceneOf(idp, { keys_stale_after: '10s' })
    const old = fresh(idp)
    expect(await statuses(scene, old)).toEqual(everywhere(200))
    await idp.down()
    await expect.poll(() => JSON.stringify(scene.post.logged).includes('cannot be had'), LONG).toBe(true)
    expect(await statuses(scene, old)).toEqual(everywhere(200))
    expect(await statuses(scene, fresh(idp))).toEqual(everywhere(200))
    await expect.poll(() => statuses(scene, old), LONG).toEqual(everywhere(503))
    expect(await statuses(scene, fresh(idp))).toEqual(everywhere(503))
    expect(await statuses(scene, scene.post.key)).toEqual(everywhere(200))
    await idp.up()
    await expect.poll(() => statuses(scene, old), LONG).toEqual(everywhere(200))
    expect(await statuses(scene, fresh(idp))).toEqual(everywhere(200))
  }, 90_000)

  it('change: the new one serves, and what the old one signed falls, a token that was proved before too', async () => {
    const idp = await idpOf(true)
    const scene = await sceneOf(idp)
    const old = fresh(idp)
    const next = tokenOf(second, claimsOf(idp.url))
    expect(await statuses(scene, old)).toEqual(everywhere(200))
    expect(await statuses(scene, next)).toEqual(everywhere(401))
    idp.serve('/jwks', Object(setOf(first, second)))
    await expect.poll(() => statuses(scene, next), LONG).toEqual(everywhere(200))
    expect(await statuses(scene, old)).toEqual(everywhere(200))
    idp.serve('/jwks', Object(setOf(second)))
    await expect.poll(() => statuses(scene, old), LONG).toEqual(everywhere(401))
    expect(await statuses(scene, fresh(idp))).toEqual(everywhere(401))
    expect(await statuses(scene, next)).toEqual(everywhere(200))
  }, 60_000)

  it('are of another key under the old id: what was proved with the old one falls', async () => {
    const idp = await idpOf(true)
    const scene = await sceneOf(idp)
    const old = fresh(idp)
    expect(await statuses(scene, old)).toEqual(everywhere(200))
    const successor = newSigner('RS256', 'first')
    idp.serve('/jwks', Object(setOf(successor)))
    await expect.poll(() => statuses(scene, old), LONG).toEqual(everywhere(401))
    expect(await statuses(scene, tokenOf(successor, claimsOf(idp.url)))).toEqual(everywhere(200))
  }, 60_000)

  it.each([
    ['are gone: 401', 401, 'change'],
    ['cannot be had for too long: 503', 503, 'down'],
  ] as const)(
    '%s for a call that waits inside, and it is not sent',
    async (_, status, what) => {
      const idp = await idpOf(true)
      const held = Promise.withResolvers<readonly never[]>()
      const entered: unknown[] = []
      const holder: Plugin = {
        name: 'holder',
        inspect: (phase) => {
          if (phase !== 'request') return Promise.resolve([])
          entered.push(phase)
          return held.promise
        },
      }
      const config = { limits: { timeouts: { inspect: '1m' } } }
      const scene = await sceneOf(idp, { keys_stale_after: '10s' }, { plugins: [holder], config })
      const both = Promise.all(
        [false, true].map((streamed) => ask(scene.post.customhouse.data, OPENAI, bearer(fresh(idp)), { streamed })),
      )
      await expect.poll(() => entered.length, LONG).toBe(2)
      // For another audience: refused whether its key is known or not, and so never waiting itself.
      const probe = tokenOf(first, claimsOf(idp.url, { aud: 'other' }))
      if (what === 'down') {
        await idp.down()
        const told = async () => (await ask(scene.post.customhouse.data, OPENAI, bearer(probe))).status
        await expect.poll(told, LONG).toBe(503)
      } else {
        idp.serve('/jwks', Object(setOf(second)))
        await expect.poll(() => JSON.stringify(scene.post.logged.at(-1)), LONG).toContain('"keys":["second"]')
      }
      held.resolve([])
      expect((await both).map((one) => one.status)).toEqual([status, status])
      expect(scene.recorder.requests).toHaveLength(0)
    },
    60_000,
  )
})
