import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type House, type HouseOptions, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { REFUSALS } from './refusals.ts'
import { type Answer, type Bytes, call, PATH, type Parts, Wire, write } from './socket.ts'

/** Bytes on bare sockets: what no SDK sends, and what must be the same on the other side. */

let house: House
let recorder: Recorder
let before: number
beforeAll(async () => {
  recorder = await startRecorder({ answer: usual })
  house = await startHouse(options())
})
afterAll(async () => {
  await house?.stop()
  await recorder?.close()
})
beforeEach(() => {
  recorder.script(usual)
  before = recorder.requests.length
})

const usual = () => whole(openaiAnswer({ texts: ['Good day.'] }))
const options = (): HouseOptions => ({
  providers: { eu: { url: `${recorder.url}/v1` } },
  config: {
    limits: {
      body: '4KiB',
      headers: '2KiB',
      timeouts: { connection: '300ms', headers: '400ms', request: '800ms', keep_alive: '10s' },
    },
  },
})
const dial = (): Wire => new Wire(Number(new URL(house.baseURL).port))
const message = (parts: Parts = {}): Buffer => write(house.key, parts)

/** One message on a connection of its own. */
async function once(parts: Parts): Promise<Answer | null> {
  const wire = dial().write(message(parts))
  const answer = await wire.answer()
  wire.destroy()
  return answer
}

const upstream = (): string => recorder.requests.at(-1)?.body.toString() ?? ''
const reached = (): number => recorder.requests.length - before

describe('what arrives upstream is what was sent', () => {
  test.each([
    ['a number with a fraction of zero', ',"temperature":1.0'],
    ['a number that no double holds', ',"seed_bound":1e400'],
    ['an integer beyond 2^53', ',"seed":9007199254740993'],
    ['digits and exponents', ',"x":[-0,-0.0,1E5,1e+05,0.10,123456789012345678901234567890.5]'],
    ['fields that nobody knows', ',"zz_unknown":{"deep":[null,true,{"":""}]},"__proto__":{"a":1},"constructor":1'],
    ['members in an order of their own', ',"z":1,"a":2,"10":3,"9":4'],
    ['texts of every kind', ',"metadata":{"k":"é\u{1f600}\\ud800 \\u0000 \u2028"}'],
  ])('%s', async (_, more) => {
    expect((await once({ body: call(more) }))?.status).toBe(200)
    expect(reached()).toBe(1)
    expect(upstream()).toBe(call(more))
  })

  test('any JSON in any member', async () => {
    const wire = dial()
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 3 }), async (json) => {
        const more = `,"x_any":${JSON.stringify(JSON.parse(json))}`
        if (Buffer.byteLength(more) > 3000) return
        wire.write(message({ body: call(more) }))
        expect((await wire.answer())?.status).toBe(200)
        expect(upstream()).toBe(call(more))
      }),
      { numRuns: 60 },
    )
    wire.destroy()
  })
})

describe('refused in the dialect, and nothing sent', () => {
  test.each(REFUSALS)('%s', async (_, parts, status, code) => {
    const answer = await once(parts(house.key))
    expect(answer?.status).toBe(status)
    expect(answer?.headers['content-type']).toMatch(/^application\/json/)
    const { error } = JSON.parse(answer?.body ?? '') as { error: Record<string, unknown> }
    expect(error).toMatchObject({ code, param: null })
    expect(typeof error.message).toBe('string')
    expect(answer?.body).not.toContain(house.key)
    if (parts(house.key).path?.startsWith('/v1') !== true) {
      expect(answer?.headers['x-customhouse-call']).toMatch(/^[0-9a-f-]{36}$/)
      expect(answer?.headers['x-request-id']).toBe(answer?.headers['x-customhouse-call'])
    }
    expect(reached()).toBe(0)
    expect((await house.trail()).filter(({ kind }) => kind === 'call.denied')).toEqual([])
  })
})

describe('refused before there is a dialect', () => {
  test.each<readonly [string, () => Bytes, number]>([
    ['no HTTP at all', () => 'hello\r\n\r\n', 400],
    ['two lengths', () => message({ lines: ['content-length: 3'] }), 400],
    ['a length and a coding', () => message({ lines: ['transfer-encoding: chunked'] }), 400],
    ['a folded header', () => message({ lines: ['x-a: b', ' c'] }), 400],
    ['a header name with a space', () => message({ lines: ['x a: b'] }), 400],
    ['a bare line feed in a header', () => message({ lines: ['x-a: b\nx-b: c'] }), 400],
    ['headers too large', () => message({ lines: [`x-a: ${'a'.repeat(4000)}`] }), 431],
    [
      'an upgrade to h2c',
      () =>
        message({ lines: ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'] }),
      400,
    ],
    [
      'an upgrade to a WebSocket',
      () => message({ method: 'GET', lines: ['connection: Upgrade', 'upgrade: websocket'] }),
      400,
    ],
    ['CONNECT', () => 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n', 405],
    ['no host', () => message({ headers: { host: undefined } }), 400],
  ])('%s', async (_, bytes, status) => {
    const wire = dial().write(bytes())
    expect((await wire.answer())?.status).toBe(status)
    await wire.closed
    expect(reached()).toBe(0)
  })
})

describe('slow and silent sockets', () => {
  test.each<readonly [string, (wire: Wire) => Promise<void>, number]>([
    ['one that says nothing', async () => undefined, 2000],
    [
      'slow headers',
      async (wire) => {
        for (const byte of message()) {
          if (wire.socket.destroyed) return
          wire.write(Buffer.of(byte))
          await sleep(40)
        }
      },
      2500,
    ],
    ['headers that stop', async (wire) => void wire.write(message().subarray(0, 40)), 2500],
    [
      'a slow body',
      async (wire) => {
        const bytes = message()
        wire.write(bytes.subarray(0, -60))
        for (const byte of bytes.subarray(-60)) {
          if (wire.socket.destroyed) return
          wire.write(Buffer.of(byte))
          await sleep(40)
        }
      },
      4000,
    ],
    ['a body that stops', async (wire) => void wire.write(message().subarray(0, -1)), 4000],
  ])('%s: 408, or closed', async (_, speak, within) => {
    const started = performance.now()
    const wire = dial()
    const speaking = speak(wire)
    const answer = await wire.answer()
    expect((await wire.closed) - started).toBeLessThan(within)
    if (answer !== null) expect(answer.status).toBe(408)
    await speaking
    expect(reached()).toBe(0)
  })
})

describe('a connection that is kept', () => {
  test.each<readonly [string, () => Bytes, number]>([
    ['a malformed body', () => message({ body: call(',') }), 400],
    ['an unknown model', () => message({ body: '{"model":"no","messages":[{"role":"user","content":"x"}]}' }), 404],
  ])('stays in step after %s', async (_, bytes, status) => {
    const wire = dial()
    for (let round = 0; round < 3; round++) {
      wire.write(bytes())
      expect((await wire.answer())?.status).toBe(status)
      wire.write(message({ body: call(`,"seed":${round}`) }))
      expect((await wire.answer())?.status).toBe(200)
      expect(upstream()).toBe(call(`,"seed":${round}`))
    }
    expect(wire.left).toBe(0)
    expect(reached()).toBe(3)
    wire.destroy()
  })

  test.each<readonly [string, () => Parts]>([
    ['a wrong key', () => ({ headers: { authorization: 'Bearer chk_other' } })],
    ['an unknown path', () => ({ path: '/openai/v1/nothing' })],
    ['a body too large', () => ({ body: call(`,"x":"${'a'.repeat(5000)}"`) })],
    ['gzip', () => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(call('')) })],
  ])('stays in step or closes after %s, whose body was not read', async (_, parts) => {
    const wire = dial()
    // The body's bytes are a call of their own: were they taken for one, it would be sent.
    const hidden = message({ body: call(',"hidden":true') })
    const given = parts()
    const body = Buffer.concat([Buffer.from(given.body ?? ''), hidden])
    const second = message({ body: call(',"second":true') })
    wire.write(Buffer.concat([message({ ...given, body }), second]))
    const first = await wire.answer()
    expect(first?.status).toBeGreaterThanOrEqual(400)
    const next = await Promise.race([wire.answer(), sleep(1500, 'silent' as const)])
    if (next === null) expect(first?.headers.connection).toBe('close')
    else {
      expect(next).toMatchObject({ status: 200 })
      expect(upstream()).toBe(call(',"second":true'))
    }
    expect(recorder.requests.slice(before).some(({ body: sent }) => sent.includes('hidden'))).toBe(false)
    wire.destroy()
  })

  test('two calls in one packet are answered in their order', async () => {
    const wire = dial().write(
      Buffer.concat([message({ body: call(',') }), message(), message({ path: '/openai/v1/no' })]),
    )
    const statuses = [await wire.answer(), await wire.answer(), await wire.answer()].map((answer) => answer?.status)
    expect(statuses).toEqual([400, 200, 404])
    wire.destroy()
  })

  test('a call that waits for 100 Continue', async () => {
    const wire = dial()
    const bytes = message({ lines: ['expect: 100-continue'] })
    const end = bytes.indexOf('\r\n\r\n') + 4
    wire.write(bytes.subarray(0, end))
    expect((await wire.answer())?.status).toBe(100)
    wire.write(bytes.subarray(end))
    expect((await wire.answer())?.status).toBe(200)
    expect(upstream()).toBe(call(''))
    wire.destroy()
  })

  test('a call byte by byte', async () => {
    const wire = dial()
    for (const byte of message({ body: call(',"n":1') })) {
      wire.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    expect((await wire.answer())?.status).toBe(200)
    expect(upstream()).toBe(call(',"n":1'))
    wire.destroy()
  })
})

// No plugin inspects here, so that nothing but the finish itself holds it back.
test('whoever is told that the answer is finished finds its outcome on record', async () => {
  const steps = stream(openaiStream({ texts: ['A long way from here.'] }), { everyMs: 3 })
  // The provider rests between its finish_reason and its [DONE].
  recorder.script(() => steps.toSpliced(-3, 0, { waitMs: 300 }))
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${house.key}` }
  const answer = await fetch(house.baseURL + PATH.slice('/openai/v1'.length), {
    method: 'POST',
    headers,
    body: call(',"stream":true'),
  })
  let text = ''
  let began = 0
  let told: readonly string[] | undefined
  for await (const bytes of answer.body ?? []) {
    began ||= performance.now()
    text += Buffer.from(bytes).toString()
    if (told !== undefined || !text.includes('"finish_reason":"stop"')) continue
    expect(performance.now() - began).toBeGreaterThan(200)
    told = (await house.records())
      .filter((record) => record.call === answer.headers.get('x-customhouse-call'))
      .map(({ kind }) => kind)
  }
  expect(told).toEqual(['call.intent', 'call.outcome'])
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('what was refused is on record in aggregate', async () => {
  // A gateway of its own, which is stopped: it records then what it has counted.
  const own = await startHouse(options())
  try {
    const unknown = { body: '{"model":"no","messages":[{"role":"user","content":"x"}]}' }
    for (const parts of [...REFUSALS.map(([, of]) => of(own.key)), unknown]) {
      const wire = new Wire(Number(new URL(own.baseURL).port)).write(write(own.key, parts))
      expect((await wire.answer())?.status).toBeGreaterThanOrEqual(400)
      wire.destroy()
    }
    await own.customhouse.stop()
    const refused = (await own.records()).filter(({ kind }) => kind === 'access.refused')
    const sums: Record<string, number> = {}
    for (const { tenant, body } of refused) {
      for (const [code, count] of Object.entries(body.counts as Record<string, number>)) {
        sums[`${tenant} ${code}`] = (sums[`${tenant} ${code}`] ?? 0) + count
      }
    }
    expect(Object.keys(sums).sort()).toEqual([
      '_gateway ERR_CALL_MALFORMED',
      '_gateway ERR_IDENTITY_INVALID',
      '_gateway ERR_IDENTITY_MISSING',
      'claims ERR_CALL_MALFORMED',
      'claims ERR_CALL_TOO_LARGE',
      'claims ERR_CALL_UNKNOWN_MODEL',
      'claims ERR_CALL_UNKNOWN_ROUTE',
      'claims ERR_CALL_UNSUPPORTED',
    ])
    expect(sums['_gateway ERR_IDENTITY_MISSING']).toBe(1)
    // Each once: the row without a dialect is counted for nobody, and the unknown model is not in the table.
    expect(Object.values(sums).reduce((sum, count) => sum + count)).toBe(REFUSALS.length)
    // One record for many refusals, not one for each.
    expect(refused.length).toBeLessThan(10)
  } finally {
    await own.stop()
  }
})
