import { APICallError } from 'ai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RAISED, vercel } from './anthropic-vercel.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('vercel with Anthropic, $how', ({ streamed }) => {
  test.each(table(streamed, anthropicVoice))('$name', async (row) => {
    const { error, counted } = await run(scene, vercel, row, streamed, RAISED)
    if (!APICallError.isInstance(error)) return
    expect(error.responseHeaders?.['request-id']).toBe(counted.calls.at(-1)?.call)
  })
})

test('the client hangs up in mid-stream', async () => {
  // The SDK ends its stream with a part `abort`, and no error.
  expect(await hangsUp(scene, vercel)).toBeNull()
})
