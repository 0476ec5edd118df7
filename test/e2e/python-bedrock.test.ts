import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pairKey, STORE_NAME } from '../../src/identity/index.ts'
import { converseVoice, invokeVoice } from './bedrock-voice.ts'
import type { Fault, Raised } from './driver.ts'
import {
  converseBody,
  driverOf,
  ELSEWHERE,
  leaves,
  type Manner,
  messagesBody,
  type Pair,
  type Python,
  PythonError,
  python,
  startPython,
} from './python.ts'
import { run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls } from './transport.ts'
import type { Voice } from './voice.ts'

const AWS: Record<Fault, Raised> = {
  denied: { class: 'AccessDeniedException', status_code: 403, code: 'AccessDeniedException' },
  'wrong key': { class: 'ClientError', status_code: 401, code: 'UnrecognizedClientException' },
  'unknown model': { class: 'ResourceNotFoundException', status_code: 404 },
  malformed: { class: 'ValidationException', status_code: 400 },
  'rate limited': { class: 'ThrottlingException', status_code: 429 },
  quota: { class: 'ThrottlingException', status_code: 429 },
  'provider 500': { class: 'InternalServerException', status_code: 500 },
  'hang-up': { class: 'ServiceUnavailableException', status_code: 502 },
  'broken answer': { class: 'ServiceUnavailableException', status_code: 502 },
  'broken stream': { class: 'EventStreamError', code: 'validationException' },
  'fault in the stream': { class: 'EventStreamError', code: 'modelStreamErrorException' },
  'cut off': { class: 'EventStreamError', code: 'validationException' },
  'answer denied': { class: 'AccessDeniedException', status_code: 403 },
}

const ANTHROPIC: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status_code: 403 },
  'wrong key': { class: 'AuthenticationError', status_code: 401 },
  'unknown model': { class: 'NotFoundError', status_code: 404 },
  malformed: { class: 'BadRequestError', status_code: 400 },
  'rate limited': { class: 'RateLimitError', status_code: 429 },
  quota: { class: 'RateLimitError', status_code: 429 },
  'provider 500': { class: 'InternalServerError', status_code: 500 },
  'hang-up': { class: 'InternalServerError', status_code: 502 },
  'broken answer': { class: 'InternalServerError', status_code: 502 },
  'broken stream': { class: 'APIStatusError', type: 'validationException' },
  'fault in the stream': { class: 'APIStatusError', type: 'modelStreamErrorException' },
  'cut off': { class: 'APIStatusError', type: 'validationException' },
  'answer denied': { class: 'PermissionDeniedError', status_code: 403 },
}

const boto: Manner = { client: 'aws.converse', body: converseBody }
const invoke: Manner = { client: 'aws.invoke', body: messagesBody }
const anthropic: Manner = { client: 'anthropic.bedrock', body: messagesBody }
// Anthropic's SDK for Python says the version of its own API at Bedrock, too.
const pythonic: Voice = { ...invokeVoice, asks: () => ({ anthropic_version: '2026-10-21' }) }

type Way = Readonly<{
  name: string
  voice: Voice
  manner: Manner
  raised: Record<Fault, Raised>
  tls: boolean
  signed: boolean
  /** Every row, or what shows that another way carries it as well. */
  all: boolean
}>

/** boto3 sends a bearer token over TLS alone. */
const WAYS: readonly Way[] = [
  {
    name: 'boto3, Converse, bearer over TLS',
    voice: converseVoice,
    manner: boto,
    raised: AWS,
    tls: true,
    signed: false,
    all: true,
  },
  {
    name: 'boto3, Converse, signed',
    voice: converseVoice,
    manner: boto,
    raised: AWS,
    tls: false,
    signed: true,
    all: true,
  },
  {
    name: 'boto3, InvokeModel, bearer over TLS',
    voice: invokeVoice,
    manner: invoke,
    raised: AWS,
    tls: true,
    signed: false,
    all: true,
  },
  {
    name: 'boto3, InvokeModel, signed',
    voice: invokeVoice,
    manner: invoke,
    raised: AWS,
    tls: false,
    signed: true,
    all: false,
  },
  {
    name: 'AnthropicBedrock, bearer',
    voice: pythonic,
    manner: anthropic,
    raised: ANTHROPIC,
    tls: false,
    signed: false,
    all: true,
  },
  {
    name: 'AnthropicBedrock, signed over TLS',
    voice: pythonic,
    manner: anthropic,
    raised: ANTHROPIC,
    tls: true,
    signed: true,
    all: false,
  },
]

const NOBODYS: Pair = { accessKeyId: 'CHKA00000000000000000000', secretAccessKey: 'nobody knows this secret' }

describe.skipIf(python === null).each(WAYS)('$name', ({ voice, raised, tls, signed, all, manner: bare }) => {
  let listening: ReturnType<typeof listenTls> | null = null
  let here: { python: Python; scene: Scene }
  let pair = NOBODYS
  const pairOf = (key: string): Pair => (key === here.scene.house.key ? pair : NOBODYS)
  const manner: Manner = signed ? { ...bare, pairOf } : bare

  beforeAll(async () => {
    listening = tls ? listenTls() : null
    const listen = listening === null ? {} : { listen: listening.listen }
    const scene = await startScene(voice, { identity: { sigv4: signed }, ...listen })
    here = { scene, python: startPython(listening?.file) }
    if (!signed) return
    const { folder, key } = scene.house
    const { accessKeyId, secretAccessKey } = await pairKey(join(folder, 'keys', STORE_NAME), key.slice(4, 12), 0)
    pair = { accessKeyId, secretAccessKey }
    await known()
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
    listening?.remove()
  })

  /** The gateway follows its store within a second or so: an unknown model is told only to those it knows. */
  async function known(): Promise<void> {
    const driver = driverOf(() => here, manner)
    const { house } = here.scene
    const baseURL = `${house.customhouse.data}${voice.prefix}`
    const ask = { streamed: false, say: 'hello', model: 'gpt-99', retries: 0, key: house.key, fetch, baseURL }
    for (const deadline = performance.now() + 5000; performance.now() < deadline; await sleep(100)) {
      const error: unknown = await driver({ ...ask, calls: [] }).catch((reason: unknown) => reason)
      if (error instanceof PythonError && Reflect.get(error, 'status_code') === 404) return
    }
    throw new Error('the gateway does not learn of the pair')
  }

  describe.each([
    { streamed: false, how: 'whole' },
    { streamed: true, how: 'streamed' },
  ])('$how', ({ streamed }) => {
    test.each(table(streamed, voice).filter(({ name }) => all || ELSEWHERE.has(name)))('$name', async (row) => {
      const { error, counted } = await run(
        here.scene,
        driverOf(() => here, manner),
        row,
        streamed,
        raised,
      )
      const status: unknown = error === null ? null : Reflect.get(error as object, 'status_code')
      if (typeof status === 'number') expect(error).toMatchObject({ request_id: counted.calls.at(-1)?.call })
      for (const { headers, wire } of here.scene.arrived()) {
        expect(wire.includes(pair.accessKeyId)).toBe(false)
        expect(JSON.stringify(headers)).not.toMatch(/AWS4|x-amz-/i)
      }
    })
  })

  test('the client hangs up in mid-stream', async () => {
    await leaves(here.python, here.scene, manner)
  })
})
