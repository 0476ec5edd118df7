import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { clients, converse, SAID, sentBy, TEXT } from './clients.ts'
import { removeStoresAfterwards } from './kit.ts'
import { judge, openPair, openWire, WHO } from './wire.ts'

removeStoresAfterwards()
let wire: Awaited<ReturnType<typeof openWire>>
let scene: Awaited<ReturnType<typeof openPair>>
beforeAll(async () => {
  wire = await openWire()
  scene = await openPair()
})
afterAll(async () => {
  await wire.close()
  scene.keys.close()
})

describe.each(Object.entries(clients))('%s', (name, client) => {
  beforeEach(() => {
    for (const variable of ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_SESSION_TOKEN', 'AWS_ACCESS_KEY_ID'])
      vi.stubEnv(variable, undefined)
    return () => vi.unstubAllEnvs()
  })

  it('is proved by its signature', async () => {
    const sent = await sentBy(wire, () => client(wire, scene.pair))
    expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
    expect(sent.presented.proof.authorization).toMatch(
      name.includes('HTTP/2') ? 'SignedHeaders=:authority;' : /[=;]host;/,
    )
    expect(Buffer.from(sent.body).toString()).toContain(TEXT)
    // The SDKs sign what else is said, so that it must be signed.
    expect(sent.presented.headers).toMatchObject(SAID)
  })

  it('and with another secret it is not', async () => {
    const wrong = { ...scene.pair, secretAccessKey: `${scene.pair.secretAccessKey.slice(1)}x` }
    const sent = await sentBy(wire, () => client(wire, wrong))
    const stranger = { ...scene.pair, accessKeyId: `CHKA${'z'.repeat(16)}` }
    const unknown = await sentBy(wire, () => client(wire, stranger))
    expect(judge(scene.keys, sent).who).toContain('signature of this call is not right')
    // The same words, at the same moment.
    expect(judge(scene.keys, unknown)).toEqual(judge(scene.keys, sent))
  })

  it('is proved by AWS_BEARER_TOKEN_BEDROCK, when that is a gateway key', async () => {
    vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', scene.key)
    const sent = await sentBy(wire, () => client(wire, null))
    expect(sent.presented.proof.authorization).toBe(`Bearer ${scene.key}`)
    expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
  })
})

it('an endpoint with a slash at its end, which the AWS SDK doubles, is refused with what to do', async () => {
  const sent = await sentBy(wire, () => converse(`${wire.h2}/bedrock/`, scene.pair))
  expect(sent.presented.path).toContain('//')
  expect(judge(scene.keys, sent).who).toContain('take the slash from the end of the endpoint')
})
