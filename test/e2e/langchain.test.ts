import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { langchain, RAISED } from './openai-langchain.ts'
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
])('langchain, $how', ({ streamed }) => {
  test.each(table(streamed))('$name', async (row) => {
    const { error, counted } = await run(scene, langchain, row, streamed, RAISED)
    const status: unknown = error === null ? undefined : Reflect.get(error as object, 'status')
    if (status !== undefined) expect(Reflect.get(error as object, 'requestID')).toBe(counted.calls.at(-1)?.call)
  })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(scene, langchain)).toMatchObject({ name: 'AbortError' })
})
