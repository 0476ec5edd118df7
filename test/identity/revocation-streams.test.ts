import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey, revokeKey, rotateKey, STORE_NAME } from '../../src/identity/index.ts'
import { fileStore, lift, type RevocationStore, revoke } from '../../src/identity/revocation/index.ts'
import { drivers } from '../e2e/anthropic-sdk.ts'
import { anthropicVoice } from '../e2e/anthropic-voice.ts'
import { converseDriver } from '../e2e/bedrock-aws.ts'
import { converseVoice } from '../e2e/bedrock-voice.ts'
import type { Driver } from '../e2e/driver.ts'
import { openai } from '../e2e/openai-sdk.ts'
import { counting, type Scene, startScene } from '../e2e/scene.ts'
import { openaiVoice } from '../e2e/voice.ts'
import type { Script } from '../kit/index.ts'

/** An answer that is under way when its caller is revoked, or when nobody can tell: through the SDK of each door. */

const TEXT = 'A long way from here to there, and then it says what nobody may hear any more.'
const WHY = 'The credential of this call was revoked while its answer was under way.'

describe.each([
  { title: 'openai.chat', voice: openaiVoice, driver: openai },
  { title: 'anthropic.messages', voice: anthropicVoice, driver: drivers.create },
  { title: 'bedrock.converse', voice: converseVoice, driver: converseDriver() },
])('$title', ({ title, voice, driver }) => {
  const file = join(tmpdir(), `customhouse-streams-${process.pid}-${title}.json`)
  const store: RevocationStore = fileStore(file)
  let scene: Scene
  let name = ''
  beforeAll(async () => {
    await store.make()
    scene = await startScene(voice, { identity: { revocation: { store: file, every: '100ms', stale_after: '1s' } } })
    name = `key:${scene.house.key.slice(4, 12)}`
  })
  afterAll(async () => {
    await scene?.close()
    for (const one of [file, `${file}.lock`]) rmSync(one, { force: true })
  })

  /** The answer stops in its middle, or before its beginning where it is whole, until `held` resolves. */
  const script = (streamed: boolean, held: Promise<void>): Script => {
    const steps = voice.speak({ texts: [TEXT] }, streamed)
    return steps.toSpliced(streamed ? 30 : 0, 0, { until: held })
  }

  /** How a new caller with the same key fares at the moment. */
  const status = async (key?: string): Promise<number> => {
    const counted = counting(voice.idHeader)
    await ask(driver, false, counted, undefined, key).catch((error: unknown) => error)
    return counted.calls.at(-1)?.status ?? 0
  }
  const ask = (
    by: Driver,
    streamed: boolean,
    counted = counting(voice.idHeader),
    onText?: (text: string) => void,
    key = scene.house.key,
  ) =>
    by({
      streamed,
      say: 'hello',
      model: 'gpt-4o',
      retries: 0,
      key,
      fetch: counted.fetch,
      calls: counted.calls,
      baseURL: `${scene.house.customhouse.data}${voice.prefix}`,
      ...(onText === undefined ? {} : { onText }),
    })
  const serving = (): void => scene.play({ eu: voice.speak({ texts: ['fine'] }, false) })

  /** Asks, and lets the answer go on once `meanwhile` is over. */
  const play = async (streamed: boolean, meanwhile: () => Promise<void>, key?: string) => {
    const held = Promise.withResolvers<void>()
    scene.play({ eu: script(streamed, held.promise) })
    const counted = counting(voice.idHeader)
    let text = ''
    const asking = ask(
      driver,
      streamed,
      counted,
      (piece) => {
        text += piece
      },
      key,
    ).then(
      (heard) => ({ heard, error: null }),
      (error: unknown) => ({ heard: null, error }),
    )
    await expect.poll(() => scene.arrived().length).toBe(1)
    if (streamed) await expect.poll(() => text).not.toBe('')
    serving()
    await meanwhile()
    held.resolve()
    const told = await asking
    const trail = await scene.trailOf(counted.calls[0]?.call, 2)
    return { ...told, text, status: counted.calls[0]?.status, trail }
  }

  test.each([
    { how: 'streamed', streamed: true },
    { how: 'whole', streamed: false },
  ])('$how: whoever is revoked meanwhile hears the rest of nothing, and it is on record', async ({ streamed }) => {
    const { heard, error, text, trail, ...first } = await play(streamed, async () => {
      await store.change((list) => revoke(list, { name, until: null, why: null }, Date.now()))
      await expect.poll(() => status(), { timeout: 5_000 }).toBe(401)
    })
    expect(heard).toBeNull()
    expect(String(error)).toContain(WHY)
    expect(TEXT.startsWith(text) && text.length < TEXT.length).toBe(true)
    expect(first.status).toBe(streamed ? 200 : 401)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail.at(-1)?.body).toMatchObject({
      ending: streamed ? 'cut_off' : 'denied',
      reasons: [expect.objectContaining({ rule: 'base/revoked' })],
    })
    serving()
    await store.change((list) => lift(list, name, Date.now()))
    await expect.poll(() => status(), { timeout: 5_000 }).toBe(200)
  })

  test.each([
    { how: 'streamed', streamed: true },
    { how: 'whole', streamed: false },
  ])(
    '$how: where the list cannot be read any more nobody new is let in, and what is under way ends whole',
    async ({ streamed }) => {
      const { heard, error, trail } = await play(streamed, async () => {
        rmSync(file)
        await expect.poll(() => status(), { timeout: 5_000 }).toBe(503)
      })
      expect(error).toBeNull()
      expect(heard?.text).toBe(TEXT)
      expect(trail.at(-1)?.body).toMatchObject({ ending: 'complete', reasons: [] })
      serving()
      await store.make()
      await expect.poll(() => status(), { timeout: 5_000 }).toBe(200)
    },
  )

  test('streamed: a key that is rotated meanwhile ends nothing; one that `customhouse keys revoke` ends is cut off', async () => {
    const keys = join(scene.house.folder, 'keys', STORE_NAME)
    const id = scene.house.key.slice(4, 12)
    const { key } = await createKey(keys, { subject: 'test-claims', tenant: 'claims' })
    await expect.poll(() => status(key), { timeout: 5_000 }).toBe(200)
    const rotated = await play(true, async () => {
      await rotateKey(keys, id, 0)
      await expect.poll(() => status(), { timeout: 5_000 }).toBe(401)
    })
    expect(rotated.heard?.text).toBe(TEXT)
    const ended = await play(
      true,
      async () => {
        await revokeKey(keys, key.slice(4, 12))
        await expect.poll(() => status(key), { timeout: 5_000 }).toBe(401)
      },
      key,
    )
    expect(String(ended.error)).toContain(WHY)
    expect(ended.trail.at(-1)?.body).toMatchObject({ ending: 'cut_off' })
  })
})
