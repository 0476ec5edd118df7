import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fault, Raised } from './driver.ts'
import { chatBody, driverOf, ELSEWHERE, leaves, type Manner, type Python, python, startPython } from './python.ts'
import { run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls } from './transport.ts'

const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status_code: 403, code: 'policy_denied', type: 'permission_error' },
  'wrong key': { class: 'AuthenticationError', status_code: 401, code: 'invalid_api_key' },
  'unknown model': { class: 'NotFoundError', status_code: 404, code: 'model_not_found' },
  malformed: { class: 'BadRequestError', status_code: 400, code: 'call_malformed' },
  'rate limited': { class: 'RateLimitError', status_code: 429, code: 'rate_limit_exceeded' },
  quota: { class: 'RateLimitError', status_code: 429, code: 'rate_limit_exceeded' },
  'provider 500': { class: 'InternalServerError', status_code: 500 },
  'hang-up': { class: 'InternalServerError', status_code: 502, code: 'provider_unreachable' },
  'broken answer': { class: 'InternalServerError', status_code: 502, code: 'provider_truncated' },
  'broken stream': { class: 'APIError', code: 'provider_truncated' },
  'fault in the stream': { class: 'APIError', code: 'engine_overloaded', type: 'server_error' },
  'cut off': { class: 'APIError', code: 'policy_denied', type: 'permission_error' },
  'answer denied': { class: 'PermissionDeniedError', status_code: 403, code: 'policy_denied' },
}

const HOW = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]
const manner: Manner = { client: 'openai.chat', body: chatBody }

describe.skipIf(python === null)('openai for Python', () => {
  let here: { python: Python; scene: Scene }
  beforeAll(async () => {
    here = { scene: await startScene(), python: startPython() }
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
  })

  describe.each(HOW)('$how', ({ streamed }) => {
    test.each(table(streamed))('$name', async (row) => {
      const { error, counted } = await run(
        here.scene,
        driverOf(() => here, manner),
        row,
        streamed,
        RAISED,
      )
      const status: unknown = error === null ? null : Reflect.get(error as object, 'status_code')
      if (typeof status === 'number') expect(error).toMatchObject({ request_id: counted.calls.at(-1)?.call })
    })
    test.each(table(streamed).filter(({ name }) => ELSEWHERE.has(name)))('over h2c: $name', async (row) => {
      await run(
        here.scene,
        driverOf(() => here, { ...manner, wire: 'h2c' }),
        row,
        streamed,
        RAISED,
      )
    })
  })

  test.each(['h1', 'h2c'] as const)('the client hangs up in mid-stream, over %s', async (wire) => {
    await leaves(here.python, here.scene, { ...manner, wire })
  })
})

describe.skipIf(python === null)('openai for Python over TLS', () => {
  let tls: ReturnType<typeof listenTls>
  let here: { python: Python; scene: Scene }
  beforeAll(async () => {
    tls = listenTls()
    here = { scene: await startScene(undefined, { listen: tls.listen }), python: startPython(tls.file) }
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
    tls?.remove()
  })

  describe.each(HOW)('$how', ({ streamed }) => {
    describe.each(['h1', 'h2'] as const)('%s', (wire) => {
      test.each(table(streamed).filter(({ name }) => ELSEWHERE.has(name)))('$name', async (row) => {
        await run(
          here.scene,
          driverOf(() => here, { ...manner, wire }),
          row,
          streamed,
          RAISED,
        )
      })
    })
  })
})
