import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ARN, converse, sentBy, TEXT } from './clients.ts'
import { removeStoresAfterwards } from './kit.ts'
import { DIFFERENT, oneByte, tampering, withOther } from './tampering.ts'
import { judge, openPair, openWire, sign, type ToSign, WHO } from './wire.ts'

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

/** A call with all that can be signed. */
const FULL: ToSign = {
  path: `/bedrock/model/${encodeURIComponent(ARN)}/converse`,
  query: { beta: 'true', b: 'a b/c' },
  headers: { 'x-amz-target': 'a  b', 'user-agent': 'not/signed' },
  body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: TEXT }] }] }),
}

describe('a signed call', () => {
  it('is proved as it is', async () => {
    expect(judge(scene.keys, await sign(scene.pair, FULL))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { ...FULL, digest: false }))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { method: 'GET', body: '' }))).toEqual({ who: WHO, when: null })
    expect(judge(scene.keys, await sign(scene.pair, { service: 'bedrock-mantle' }))).toEqual({ who: WHO, when: null })
  })

  it.each(Object.entries(tampering))('with %s is refused', async (_, [change, words]) => {
    const sent = change(await sign(scene.pair, FULL))
    const { who } = judge(scene.keys, sent)
    expect(who).toContain(words)
    const signature = /Signature=(.*)/.exec(sent.presented.proof.authorization ?? '')?.[1] ?? scene.key
    for (const secret of [scene.pair.secretAccessKey, scene.key, signature]) expect(who).not.toContain(secret)
  })

  it('that was signed with a session token is refused', async () => {
    expect(judge(scene.keys, await sign(scene.pair, { sessionToken: 'token' })).who).toContain('session token')
  })

  it('is refused before its body where that is possible', async () => {
    const wrong = { ...scene.pair, secretAccessKey: 'wrong' }
    expect(judge(scene.keys, await sign(wrong)).when).toBe('head')
    expect(judge(scene.keys, await sign(wrong, { digest: false })).when).toBe('body')
    const sent = await sign(scene.pair, { digest: false })
    expect(judge(scene.keys, { ...sent, body: Buffer.from('{"messages":[1]}') })).toEqual({
      who: expect.stringContaining(DIFFERENT),
      when: 'body',
    })
  })

  it.each([
    [-295, 'accepted'],
    [-302, 'refused'],
    [295, 'accepted'],
    [305, 'refused'],
    [-86_400, 'refused'],
  ])('of %d s from now is %s', async (seconds, outcome) => {
    const { who } = judge(scene.keys, await sign(scene.pair, { at: new Date(Date.now() + seconds * 1000) }))
    expect(who).toContain(outcome === 'accepted' ? WHO : 'more than 5 minutes')
  })

  it('stays proved whatever is not signed', async () => {
    const sent = await sign(scene.pair, FULL)
    const changed = withOther('user-agent', () => 'another')(withOther('x-amzn-trace-id', () => 'Root=1')(sent))
    expect(judge(scene.keys, changed).who).toBe(WHO)
  })

  it("is proved whatever AWS's signer makes of it", async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((one) => one.isWellFormed())
    // AWS's signer loses it.
    const name = text.filter((one) => one !== '__proto__')
    const segment = text.filter((one) => one !== '.' && one !== '..').map(encodeURIComponent)
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { minLength: 1, maxLength: 4 }),
        fc.dictionary(name, text, { maxKeys: 3, noNullPrototype: true }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.stringMatching(/^[!-~]([ -~]{0,12}[!-~])?$/), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
        text,
        fc.boolean(),
        async (segments, query, more, body, digest) => {
          const headers = Object.fromEntries(Object.entries(more).map(([name, value]) => [`x-amz-meta-${name}`, value]))
          const sent = await sign(scene.pair, { path: `/${segments.join('/')}`, query, headers, body, digest })
          // What begins with this in a query is the mark of a presigned address, and never a client's of Bedrock.
          if (Object.keys(query).some((name) => name.toLowerCase().startsWith('x-amz-'))) return
          expect(judge(scene.keys, sent)).toEqual({ who: WHO, when: null })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is refused for any change of one byte', async () => {
    const calls = [
      await sign(scene.pair, FULL),
      await sign(scene.pair, { ...FULL, digest: false }),
      await sentBy(wire, () => converse(`${wire.h2}/bedrock`, scene.pair)),
    ]
    const parts = calls.flatMap((call) => {
      const names = /SignedHeaders=([^,]*)/.exec(call.presented.proof.authorization ?? '')?.[1]?.split(';') ?? []
      const headers = names.map((name) => (name === ':authority' ? 'host' : name))
      return ['method', 'path', 'query', 'body', 'authorization', ...headers].map((part) => ({ call, part }))
    })
    let changed = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...parts),
        fc.nat(),
        fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
        ({ call, part }, at, to) => {
          const altered = oneByte(call, part, at, to)
          if (altered === null) return
          changed += 1
          expect(judge(scene.keys, altered).when).not.toBeNull()
        },
      ),
      { numRuns: 5000 },
    )
    expect(changed).toBeGreaterThan(4000)
  })
})
