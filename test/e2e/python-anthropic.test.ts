import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicVoice } from './anthropic-voice.ts'
import type { Fault, Raised } from './driver.ts'
import { driverOf, ELSEWHERE, leaves, type Manner, messagesBody, type Python, python, startPython } from './python.ts'
import { run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls } from './transport.ts'

const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status_code: 403, type: 'permission_error' },
  'wrong key': { class: 'AuthenticationError', status_code: 401, type: 'authentication_error' },
  'unknown model': { class: 'NotFoundError', status_code: 404, type: 'not_found_error' },
  malformed: { class: 'BadRequestError', status_code: 400, type: 'invalid_request_error' },
  'rate limited': { class: 'RateLimitError', status_code: 429, type: 'rate_limit_error' },
  quota: { class: 'RateLimitError', status_code: 429, type: 'rate_limit_error' },
  'provider 500': { class: 'InternalServerError', status_code: 500, type: 'api_error' },
  'hang-up': { class: 'InternalServerError', status_code: 502, type: 'api_error' },
  'broken answer': { class: 'InternalServerError', status_code: 502, type: 'api_error' },
  'broken stream': { class: 'APIStatusError', type: 'api_error' },
  'fault in the stream': { class: 'APIStatusError', type: 'overloaded_error' },
  'cut off': { class: 'APIStatusError', type: 'permission_error' },
  'answer denied': { class: 'PermissionDeniedError', status_code: 403, type: 'permission_error' },
}

const WAYS: readonly Readonly<{ how: string; streamed: boolean; manner: Manner }>[] = [
  { how: 'whole', streamed: false, manner: { client: 'anthropic.messages', body: messagesBody } },
  { how: 'streamed', streamed: true, manner: { client: 'anthropic.messages', body: messagesBody } },
  { how: 'by its helper', streamed: true, manner: { client: 'anthropic.helper', body: messagesBody } },
]

describe.skipIf(python === null)('anthropic for Python', () => {
  let here: { python: Python; scene: Scene }
  beforeAll(async () => {
    here = { scene: await startScene(anthropicVoice), python: startPython() }
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
  })

  describe.each(WAYS)('$how', ({ streamed, manner }) => {
    const rows = table(streamed, anthropicVoice)
    test.each(rows)('$name', async (row) => {
      const { error, counted } = await run(
        here.scene,
        driverOf(() => here, manner),
        row,
        streamed,
        RAISED,
      )
      if (error !== null) expect(error).toMatchObject({ request_id: counted.calls.at(-1)?.call })
    })
    test.each(rows.filter(({ name }) => ELSEWHERE.has(name)))('over h2c: $name', async (row) => {
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
    await leaves(here.python, here.scene, { client: 'anthropic.messages', body: messagesBody, wire })
  })
})

describe.skipIf(python === null)('anthropic for Python over TLS', () => {
  let tls: ReturnType<typeof listenTls>
  let here: { python: Python; scene: Scene }
  beforeAll(async () => {
    tls = listenTls()
    here = { scene: await startScene(anthropicVoice, { listen: tls.listen }), python: startPython(tls.file) }
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
    tls?.remove()
  })

  describe.each(WAYS)('$how', ({ streamed, manner }) => {
    describe.each(['h1', 'h2'] as const)('%s', (wire) => {
      test.each(table(streamed, anthropicVoice).filter(({ name }) => ELSEWHERE.has(name)))('$name', async (row) => {
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
