import { APICallError } from 'ai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RAISED, vercel } from './openai-vercel.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('vercel, $how', ({ streamed }) => {
  test.each(table(streamed))('$name', async (row) => {
    const { error, counted } = await run(scene, vercel, row, streamed, RAISED)
    if (!APICallError.isInstance(error)) return
    expect(error.responseHeaders?.['x-customhouse-call']).toBe(counted.calls.at(-1)?.call)
  })
})

test('the client hangs up in mid-stream', async () => {
  // The SDK ends its stream with a part `abort`, and no error.
  expect(await hangsUp(scene, vercel)).toBeNull()
})
