import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { APICallError } from 'ai'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Pair } from './bedrock-aws.ts'
import { type Doors, everywhere, openDoors } from './bedrock-doors.ts'
import { converseVoice } from './bedrock-voice.ts'
import type { Driver, Fault, Raised } from './driver.ts'
import { hangsUp, run } from './run.ts'
import type { Scene } from './scene.ts'
import { type Row, table } from './table.ts'
import { vercelDriver } from './vercel.ts'

let doors: Doors
beforeAll(async () => {
  vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', undefined)
  doors = await openDoors(converseVoice)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await doors?.close()
})

type PairOf = (key: string) => Pair

const driverOf = (pairOf: PairOf | null): Driver =>
  vercelDriver(({ baseURL, fetch, key, model }) => {
    const proof = pairOf === null ? { apiKey: key } : pairOf(key)
    return { model: createAmazonBedrock({ region: 'eu-central-1', baseURL, fetch, ...proof })(model) }
  })

const RAISED: Record<Fault, Raised> = {
  denied: { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
  'wrong key': { name: 'AI_APICallError', statusCode: 401, isRetryable: false },
  'unknown model': { name: 'AI_APICallError', statusCode: 404, isRetryable: false },
  malformed: { name: 'AI_APICallError', statusCode: 400, isRetryable: false },
  'rate limited': { name: 'AI_RetryError', reason: 'maxRetriesExceeded' },
  quota: { name: 'AI_APICallError', statusCode: 429 },
  'provider 500': { name: 'AI_APICallError', statusCode: 500, isRetryable: true },
  'hang-up': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken answer': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken stream': { name: 'AI_StreamProviderError', type: 'validationException', statusCode: 400, isRetryable: false },
  'fault in the stream': { name: 'AI_StreamProviderError', type: 'modelStreamErrorException', statusCode: 424 },
  'cut off': { name: 'AI_StreamProviderError', type: 'validationException', statusCode: 400, isRetryable: false },
  'answer denied': { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
}

async function hold(scene: Scene, pairOf: PairOf | null, row: Row, streamed: boolean): Promise<void> {
  const { error, counted } = await run(scene, driverOf(pairOf), row, streamed, RAISED)
  if (!APICallError.isInstance(error)) return
  expect(error.responseHeaders?.['x-amzn-requestid']).toBe(counted.calls.at(-1)?.call)
}

const WAYS = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]

describe.each(WAYS)('vercel with Bedrock, $how', ({ streamed }) => {
  test.each(table(streamed, converseVoice))('$name', (row) => hold(doors.clear, null, row, streamed))
})

describe.each([
  { name: 'over h2c', door: 'h2c', signed: false },
  { name: 'over TLS', door: 'tls', signed: false },
  { name: 'signed', door: 'clear', signed: true },
  { name: 'signed over h2c', door: 'h2c', signed: true },
  { name: 'signed over TLS', door: 'tls', signed: true },
] as const)('vercel with Bedrock $name', ({ door, signed }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, converseVoice)))('$name', (row) =>
      hold(doors[door], signed ? doors.pairOf : null, row, streamed),
    )
  })
})

test('the client hangs up in mid-stream', async () => {
  // The SDK ends its stream with a part `abort`, and no error.
  expect(await hangsUp(doors.clear, driverOf(null))).toBeNull()
})
