import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileStore, lift, revoke } from '../../src/identity/revocation/index.ts'
import { drivers } from '../e2e/anthropic-sdk.ts'
import { anthropicVoice } from '../e2e/anthropic-voice.ts'
import type { Driver } from '../e2e/driver.ts'
import { openai } from '../e2e/openai-sdk.ts'
import { counting, type Scene, startScene } from '../e2e/scene.ts'
import { listenTls, overTls } from '../e2e/transport.ts'
import { openaiVoice } from '../e2e/voice.ts'
import { type Recorder, startRecorder, whole } from '../kit/index.ts'
import { addressOf, DOORS } from '../wire/doors.ts'
import { type Post, startPost } from '../wire/post.ts'
import { type Authority, authority, certificateFolder, hasOpenssl, type Issued } from './certificates.ts'

/** Callers that are known by their certificate, at the TLS port of a whole gateway: through the SDKs, over both protocols. */

const CLAIMS = 'spiffe://bank.example/claims'
const LAB = 'spiffe://bank.example/lab'
const here = hasOpenssl()
const { folder, remove } = certificateFolder()
const list = join(folder, 'revoked.json')
const clientCa = join(folder, 'client-ca.pem')
const store = fileStore(list)
const tls = listenTls()
let bank: Authority
let other: Authority
let claims: Issued
let lab: Issued

beforeAll(async () => {
  if (!here) return
  bank = authority(folder)
  other = authority(folder)
  claims = bank.issue({ san: `URI:${CLAIMS}` })
  lab = bank.issue({ san: `URI:${LAB}` })
  await store.make()
})
afterAll(() => {
  tls.remove()
  remove()
})

/** The SDKs demand some key. A header that an empty one would make must not be there at all. */
const bare = (send: typeof fetch): typeof fetch => {
  return (input, init) => {
    const headers = new Headers(init?.headers)
    for (const name of ['authorization', 'x-api-key']) headers.delete(name)
    return send(input, { ...init, headers })
  }
}

describe.skipIf(!here).each([
  { title: 'openai', voice: openaiVoice, driver: openai },
  { title: '@anthropic-ai/sdk', voice: anthropicVoice, driver: drivers.create },
])('$title', ({ voice, driver }) => {
  let scene: Scene
  beforeAll(async () => {
    writeFileSync(clientCa, bank.cert)
    scene = await startScene(voice, {
      listen: { ...Object(tls.listen), tls: { ...Object(Object(tls.listen).tls), client_ca: clientCa } },
      identity: {
        mtls: { subjects: { [CLAIMS]: { tenant: 'claims', groups: ['bots'] }, [LAB]: { tenant: 'lab' } } },
        revocation: { store: list, every: '100ms', stale_after: '10s' },
      },
    })
  })
  afterAll(() => scene?.close())

  type Shown = Readonly<{ certificate?: Issued; key?: string; streamed?: boolean; protocol?: 'http/1.1' | 'h2' }>

  /** One call on a connection of its own: the text that the SDK makes of the answer, or its error. */
  const ask = async ({ certificate, key, streamed = false, protocol = 'http/1.1' }: Shown) => {
    scene.play({ eu: voice.speak({ texts: ['Good day.'] }, streamed) })
    const transport = overTls(tls.ca, protocol, certificate)
    const counted = counting(voice.idHeader, key === undefined ? bare(transport.send) : transport.send)
    const by: Driver = driver
    try {
      const said = await by({
        streamed,
        say: 'hello',
        model: 'gpt-4o',
        retries: 0,
        key: key ?? 'none',
        fetch: counted.fetch,
        calls: counted.calls,
        baseURL: `${scene.house.customhouse.data}${voice.prefix}`,
      }).then(
        ({ text }) => text,
        (error: unknown) => `${error instanceof Error ? error.constructor.name : ''}: ${String(error)}`,
      )
      return { said, status: counted.calls[0]?.status, sent: scene.arrived().length, call: counted.calls[0]?.call }
    } finally {
      await transport.close()
    }
  }
  const GOOD = { said: 'Good day.', status: 200, sent: 1 }
  const refused = (why: string) => ({
    said: expect.stringMatching(new RegExp(`^AuthenticationError: .*${why}`, 's')),
    status: 401,
    sent: 0,
  })

  describe.each(['http/1.1', 'h2'] as const)('over %s', (protocol) => {
    test.each([{ streamed: false }, { streamed: true }])(
      'a certificate alone is a caller, streamed: $streamed',
      async ({ streamed }) => {
        const { call, ...heard } = await ask({ certificate: claims, streamed, protocol })
        expect(heard).toEqual(GOOD)
        const { length } = await scene.trailOf(call, 2)
        expect(length).toBe(2)
        const [record] = (await scene.house.records()).filter((one) => one.call === call)
        expect(record?.tenant).toBe('claims')
        expect(JSON.stringify(record)).not.toContain('spiffe')
      },
    )

    test.each([{ streamed: false }, { streamed: true }])(
      'a key beside it is good where both are of one tenant, streamed: $streamed',
      async ({ streamed }) => {
        const { key } = scene.house
        expect(await ask({ certificate: claims, key, streamed, protocol })).toMatchObject(GOOD)
        expect(await ask({ certificate: lab, key, streamed, protocol })).toMatchObject(refused('of two tenants'))
        expect(await ask({ certificate: claims, key: 'chk_none', streamed, protocol })).toMatchObject(refused(''))
      },
    )

    test.each([{ streamed: false }, { streamed: true }])(
      'a bad one is a 401 of the dialect, beside a good key too, streamed: $streamed',
      async ({ streamed }) => {
        const bad: readonly (readonly [Issued, string])[] = [
          [other.issue({ san: `URI:${CLAIMS}` }), 'no CA that is known here'],
          [bank.issue({ san: `URI:${CLAIMS}`, to: '20240101000000Z' }), 'has expired'],
          [bank.issue({ san: `URI:${CLAIMS}`, eku: 'serverAuth' }), 'clientAuth'],
          [bank.issue({ san: 'URI:spiffe://bank.example/nobody' }), 'names nobody'],
        ]
        for (const [certificate, why] of bad) {
          expect(await ask({ certificate, streamed, protocol })).toMatchObject(refused(why))
          expect(await ask({ certificate, key: scene.house.key, streamed, protocol })).toMatchObject(refused(why))
        }
        expect(await ask({ streamed, protocol })).toMatchObject(refused(''))
      },
    )

    test('that is revoked, by itself or by its subject, is refused, beside a good key too; another of its subject is served', async () => {
      const next = bank.issue({ san: `URI:${CLAIMS}` })
      const { fingerprint256 } = new X509Certificate(claims.cert)
      const names = {
        own: `certificate:${fingerprint256.replaceAll(':', '').toLowerCase()}`,
        subject: `subject:certificate ${CLAIMS}`,
      }
      const change = (work: 'revoke' | 'lift', name: string) =>
        store.change((now) =>
          work === 'lift' ? lift(now, name, Date.now()) : revoke(now, { name, until: null, why: null }, Date.now()),
        )
      const status = async (certificate: Issued, key?: string) =>
        (await ask({ certificate, protocol, ...(key === undefined ? {} : { key }) })).status
      await change('revoke', names.own)
      await expect.poll(() => status(claims), { timeout: 5_000 }).toBe(401)
      expect(await status(claims, scene.house.key)).toBe(401)
      expect(await status(next)).toBe(200)
      await change('revoke', names.subject)
      await expect.poll(() => status(next), { timeout: 5_000 }).toBe(401)
      await change('lift', names.subject)
      await change('lift', names.own)
      await expect.poll(() => status(claims), { timeout: 5_000 }).toBe(200)
    })
  })

  test('the CAs are renewed by a reload of the configuration; rubbish in their place changes nothing', async () => {
    const late = other.issue({ san: `URI:${CLAIMS}` })
    expect(await ask({ certificate: late })).toMatchObject(refused('no CA'))
    writeFileSync(clientCa, 'rubbish')
    await scene.house.customhouse.reload()
    expect(await ask({ certificate: claims })).toMatchObject(GOOD)
    writeFileSync(clientCa, bank.cert + other.cert)
    await scene.house.customhouse.reload()
    await expect.poll(async () => (await ask({ certificate: late })).status, { timeout: 5_000 }).toBe(200)
    expect(await ask({ certificate: claims })).toMatchObject(GOOD)
    writeFileSync(clientCa, other.cert)
    await scene.house.customhouse.reload()
    await expect.poll(async () => (await ask({ certificate: claims })).status, { timeout: 5_000 }).toBe(401)
    expect(await ask({ certificate: late })).toMatchObject(GOOD)
    writeFileSync(clientCa, bank.cert)
    await scene.house.customhouse.reload()
    await expect.poll(async () => (await ask({ certificate: claims })).status, { timeout: 5_000 }).toBe(200)
  })
})

describe.skipIf(!here)('at every door', () => {
  let recorder: Recorder
  let post: Post
  beforeAll(async () => {
    writeFileSync(clientCa, bank.cert)
    recorder = await startRecorder({
      answer: ({ path }) => whole(DOORS.find(({ upstream }) => path.startsWith(upstream))?.answer ?? {}),
    })
    post = await startPost({
      upstream: recorder.url,
      config: {
        listen: { ...Object(tls.listen), tls: { ...Object(Object(tls.listen).tls), client_ca: clientCa } },
        identity: { gateway_keys: false, mtls: { subjects: { [CLAIMS]: { tenant: 'claims' } } } },
      },
    })
  })
  afterAll(async () => {
    await post?.stop()
    await recorder?.close()
  })

  test.each(DOORS)('$title: a certificate is a caller, none and a bad one are not', async (door) => {
    const bad = other.issue({ san: `URI:${CLAIMS}` })
    for (const protocol of ['http/1.1', 'h2'] as const) {
      for (const [shown, status] of [
        [claims, 200],
        [undefined, 401],
        [bad, 401],
        [lab, 401],
      ] as const) {
        const { send, close } = overTls(tls.ca, protocol, shown)
        const before = recorder.requests.length
        const answer = await send(post.customhouse.data + addressOf(door), {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...door.headers },
          body: door.body(),
        })
        await answer.arrayBuffer()
        await close()
        expect(answer.status).toBe(status)
        expect(recorder.requests.length - before).toBe(status === 200 ? 1 : 0)
      }
    }
  })
})
