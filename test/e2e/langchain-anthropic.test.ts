import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { langchain } from './anthropic-langchain.ts'
import { RAISED } from './anthropic-sdk.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { counting, type Scene, startScene } from './scene.ts'
import { type Row, speech, table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

/** Streamed, LangChain adds the output that `message_start` counts (1) to that of `message_delta` (9), which holds it already. */
function counted(row: Row): Row {
  return row.heard?.tokens === undefined ? row : { ...row, heard: { ...row.heard, tokens: row.heard.tokens + 1 } }
}

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('langchain with Anthropic, $how', ({ streamed }) => {
  test.each(table(streamed, anthropicVoice).map(streamed ? counted : (row) => row))('$name', async (row) => {
    const { error, counted: sent } = await run(scene, langchain, row, streamed, RAISED)
    if (error instanceof Error) expect(Reflect.get(error, 'requestID')).toBe(sent.calls.at(-1)?.call)
  })
})

test('it counts the same without the gateway', async () => {
  scene.play({ eu: anthropicVoice.speak(speech, true) })
  const bare = { streamed: true, say: 'hello', model: 'gpt-4o', retries: 0, key: scene.house.key, ...counting() }
  expect(await langchain({ ...bare, baseURL: scene.recorders.eu.url })).toMatchObject({ tokens: 17 })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(scene, langchain)).toMatchObject({ name: 'AbortError' })
})
