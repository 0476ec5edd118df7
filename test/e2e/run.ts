import { expect } from 'vitest'
import type { Driver, Fault, Raised } from './driver.ts'
import { counting, headersOf, PROVIDER_CREDENTIAL, type Scene, type Trail } from './scene.ts'
import { LONG, type Row, speech } from './table.ts'

/** Headers that may reach a provider, and no other. */
const ALLOWED = ['accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'host']

/** Asks as the row says, and holds everything to it: what came back, what arrived upstream, what is on record. */
export async function run(scene: Scene, driver: Driver, row: Row, streamed: boolean, raised: Record<Fault, Raised>) {
  const { voice } = scene
  scene.play(row.play)
  const counted = counting(scene.voice.idHeader, scene.send)
  const key = row.key ?? scene.house.key
  let texts = ''
  const asking = driver({
    streamed,
    say: row.say ?? 'hello',
    model: row.model ?? 'gpt-4o',
    retries: row.retries ?? 0,
    key,
    fetch: counted.fetch,
    calls: counted.calls,
    baseURL: `${scene.house.customhouse.data}${scene.voice.prefix}`,
    onText: (text) => {
      texts += text
    },
    ...(row.case === undefined ? {} : { case: row.case }),
    ...(row.headers === undefined ? {} : { headers: row.headers }),
    ...(row.tool === undefined ? {} : { tool: row.tool }),
    ...(row.toolResult === undefined ? {} : { toolResult: row.toolResult }),
  })
  const [heard, error] = await asking.then(
    (value) => [value, null] as const,
    (reason: unknown) => [null, reason] as const,
  )

  expect(counted.calls).toHaveLength(row.calls ?? 1)
  const last = counted.calls.at(-1)
  expect(last?.call).toMatch(/^[0-9a-f-]{36}$/)
  expect(last?.requestId).toBe(last?.call)

  if (row.raises === undefined) {
    if (error !== null) throw error
    expect(heard).toMatchObject(row.heard ?? {})
  } else {
    expect(error).toBeInstanceOf(Error)
    expectMembers(error, raised[row.raises])
    const { message } = error as Error
    for (const text of row.says ?? []) expect(message).toContain(text)
    if (row.raises === 'denied' || row.raises === 'cut off') expect(message).toContain(last?.call)
    // Two sentences, whatever the first one's author left out.
    if (message.includes(' Call ')) expect(message).toMatch(/[.!?] Call [0-9a-f-]{36}[.,]/)
    if (row.raises === 'cut off' || row.raises === 'broken stream' || row.raises === 'fault in the stream') {
      // What was released before the end is there, and nothing of what was not.
      expect(texts).not.toBe('')
      expect(LONG.startsWith(texts)).toBe(true)
    }
  }

  for (const place of ['eu', 'fr', 'us'] as const) {
    const count = row.reached[place] ?? 0
    const arrived = scene.arrived().filter(({ wire }) => scene.recorders[place].requests.some((r) => r.wire === wire))
    expect({ place, count: arrived.length }).toEqual({ place, count })
  }
  for (const request of scene.arrived()) {
    expect(request).toMatchObject({ method: 'POST', path: voice.path(streamed) })
    const headers = headersOf(request)
    const credential = voice.credential(PROVIDER_CREDENTIAL)
    const allowed = [...ALLOWED, ...voice.fields, ...Object.keys(credential)]
    expect(Object.keys(headers).filter((name) => !allowed.includes(name))).toEqual([])
    expect(headers).toMatchObject(credential)
    expect(request.wire.includes(key)).toBe(false)
    const sent = request.body.toString()
    for (const text of row.sends ?? []) expect(sent).toContain(text)
    for (const text of row.keeps ?? []) expect(sent).not.toContain(text)
    expect(JSON.parse(sent)).toMatchObject(voice.asks(streamed))
    if (!streamed) expect(JSON.parse(sent).stream ?? false).toBe(false)
  }

  for (const { call } of counted.calls) {
    const trail = await scene.trailOf(call, row.trail.length)
    expect(trail.map(({ kind }) => kind)).toEqual(row.trail)
    if (row.last !== undefined) expect(trail.at(-1)?.body).toMatchObject(row.last)
  }
  const [first, second] = counted.calls
  // The provider's Retry-After came through: the SDK waited for as long as it says.
  if (row.raises === 'rate limited') expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900)
  return { heard, error, counted }
}

function expectMembers(error: unknown, members: Raised): void {
  for (const [name, wanted] of Object.entries(members)) {
    const found: unknown =
      Reflect.get(error as object, name) ?? (name === 'class' ? (error as Error).constructor.name : undefined)
    if (wanted instanceof RegExp) expect(String(found), name).toMatch(wanted)
    else expect({ [name]: found }).toEqual({ [name]: wanted })
  }
}

/** The client hangs up in mid-stream: the upstream is closed within a second, and the ending is on record. */
export async function hangsUp(scene: Scene, driver: Driver): Promise<unknown> {
  scene.play({ eu: scene.voice.speak({ ...speech, texts: ['word '.repeat(200)] }, true, true) })
  const counted = counting(scene.voice.idHeader, scene.send)
  const controller = new AbortController()
  let abortedAt = 0
  let seen = 0
  const error = await driver({
    streamed: true,
    say: 'hello',
    model: 'gpt-4o',
    retries: 0,
    key: scene.house.key,
    fetch: counted.fetch,
    calls: counted.calls,
    baseURL: `${scene.house.customhouse.data}${scene.voice.prefix}`,
    signal: controller.signal,
    onText: () => {
      seen += 1
      if (seen !== 2) return
      abortedAt = performance.now()
      controller.abort()
    },
  }).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(abortedAt).toBeGreaterThan(0)
  const [request] = scene.arrived()
  expect(request).toBeDefined()
  expect(((await request?.closed) ?? Number.POSITIVE_INFINITY) - abortedAt).toBeLessThan(1000)
  expect(await request?.answered).toBe('client_gone')
  const trail: Trail = await scene.trailOf(counted.calls[0]?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', finish: null })
  return error
}
