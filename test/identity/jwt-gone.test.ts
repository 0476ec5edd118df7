import { type ClientHttp2Session, connect } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Raw, raw } from '../http/raw.ts'
import { openScene, type Scene } from '../telemetry/scene.ts'
import { addressOf, OPENAI } from '../wire/doors.ts'
import { ask, bearer, claimsOf, type Idp, newSigner, type Signer, setOf, startIdp, tokenOf } from './tokens.ts'

/** Clients who leave while the issuer is asked for the key of their token. */

const [first, second] = [newSigner('RS256', 'first'), newSigner('ES256', 'second')]
const forger = newSigner('ES256', 'second')
const EACH = 8

let idp: Idp
let scene: Scene
beforeAll(async () => {
  idp = await startIdp()
  const issuer = (name: string) => {
    idp.serve(`/${name}/jwks`, Object(setOf(first)))
    return {
      issuer: `${idp.url}/${name}`,
      jwks: `${idp.url}/${name}/jwks`,
      audience: 'customhouse',
      tenant: 'claims',
    }
  }
  scene = await openScene({ config: { identity: { jwt: WHO.map(({ name }) => issuer(name)) } } })
}, 60_000)
afterAll(async () => {
  await scene?.stop()
  await idp?.down()
})

const body = OPENAI.body()
const fieldsOf = (token: string) => ({ 'content-type': 'application/json', ...bearer(token) })

/** How a client sends its call, and what it does then. */
type Way = (token: string) => Promise<() => void>
const overSocket =
  (missing: number, leave: (client: Raw) => void): Way =>
  async (token) => {
    const client = await raw(scene.post.customhouse.data)
    const fields = Object.entries({ ...fieldsOf(token), 'content-length': body.length + missing })
    const head = [`POST ${addressOf(OPENAI)} HTTP/1.1`, 'host: x', ...fields.map((field) => field.join(': '))]
    client.send(`${head.join('\r\n')}\r\n\r\n${body}`)
    return () => leave(client)
  }
const overSession =
  (whole: boolean, leave: (session: ClientHttp2Session, reset: () => void) => void): Way =>
  async (token) => {
    const session = connect(scene.post.customhouse.data).on('error', () => undefined)
    const stream = session.request({ ':method': 'POST', ':path': addressOf(OPENAI), ...fieldsOf(token) })
    stream.on('error', () => undefined)
    if (whole) stream.end(body)
    else stream.write(body.slice(0, 20))
    return () => leave(session, () => stream.close(8))
  }
const WAYS: readonly Way[] = [
  // HTTP/1.1, a body that is cut off, reset
  overSocket(10, ({ socket }) => socket.resetAndDestroy()),
  // HTTP/1.1, a body that is cut off, closed
  overSocket(10, ({ socket }) => socket.destroy()),
  // HTTP/1.1, a whole body, reset
  overSocket(0, ({ socket }) => socket.resetAndDestroy()),
  // h2c, a body that is cut off, its stream reset
  overSession(false, (_, reset) => reset()),
  // h2c, a whole body, its stream reset
  overSession(true, (_, reset) => reset()),
  // h2c, a whole body, its connection gone
  overSession(true, (session) => session.destroy()),
]
const WHO: readonly Readonly<{ who: string; name: string; signer: Signer }>[] = [
  { who: 'is proved', name: 'one', signer: second },
  { who: 'is nobody', name: 'two', signer: forger },
]

describe('a client who leaves while his proof is pending', () => {
  const open = async (): Promise<number> => (await scene.metrics()).sum('gw_requests_inflight')

  it.each(WHO)(
    'and $who: his call ends, however he left, and nothing is sent',
    async ({ name, signer }) => {
      const gate = Promise.withResolvers<void>()
      idp.serve(`/${name}/jwks`, (_, response) => {
        void gate.promise.then(() => response.end(JSON.stringify(setOf(first, second))))
      })
      const claims = () => claimsOf(`${idp.url}/${name}`)
      const sent = scene.recorder.requests.length
      const leaving: (() => void)[] = []
      for (const way of WAYS) {
        for (let i = 0; i < EACH; i++) leaving.push(await way(tokenOf(signer, claims())))
      }
      await expect.poll(open, { timeout: 10_000 }).toBe(WAYS.length * EACH)
      for (const leave of leaving) leave()
      // The leaving is there before a call that comes after it.
      expect((await ask(scene.post.customhouse.data, OPENAI, bearer(scene.post.key))).status).toBe(200)
      gate.resolve()
      await expect.poll(open, { timeout: 10_000 }).toBe(0)
      expect(scene.recorder.requests).toHaveLength(sent + 1)
      expect((await ask(scene.post.customhouse.data, OPENAI, bearer(tokenOf(second, claims())))).status).toBe(200)
    },
    30_000,
  )
})
