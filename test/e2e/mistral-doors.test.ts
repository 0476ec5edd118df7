import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mistral, RAISED } from './mistral-sdk.ts'
import { mistralVoice } from './mistral-voice.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { LONG, type Row, table } from './table.ts'
import { listenTls, overH2c, overTls, type Transport } from './transport.ts'

/** Mistral's own client through every door. */

/** It takes a second each time: it is asked over one door alone. */
const SLOW = "the provider's 429, waited for and repeated by the SDK"

const tls = listenTls()
let clear: Scene
let secure: Scene
beforeAll(async () => {
  clear = await startScene(mistralVoice)
  secure = await startScene(mistralVoice, { listen: tls.listen })
})
afterAll(async () => {
  await clear?.close()
  await secure?.close()
  tls.remove()
})

describe.each<{ door: string; open: () => Transport | null; scene: () => Scene }>([
  { door: 'HTTP/1.1', open: () => null, scene: () => clear },
  { door: 'h2c', open: () => overH2c(clear.house.customhouse.data), scene: () => clear },
  { door: 'TLS, HTTP/1.1', open: () => overTls(tls.ca, 'http/1.1'), scene: () => secure },
  { door: 'TLS, h2', open: () => overTls(tls.ca, 'h2'), scene: () => secure },
])('over $door', ({ door, open, scene }) => {
  let transport: Transport | null = null
  beforeAll(() => {
    transport = open()
  })
  afterAll(() => transport?.close())
  const through = (): Scene => ({ ...scene(), ...(transport === null ? {} : { send: transport.send }) })

  describe.each([
    { how: 'whole', streamed: false },
    { how: 'streamed', streamed: true },
  ])('mistral, $how', ({ streamed }) => {
    const rows = table(streamed, mistralVoice).filter(({ name }) => name !== SLOW || door === 'HTTP/1.1')
    test.each(rows.map(told))('$name', async (row) => {
      const { heard } = await run(through(), mistral, row, streamed, RAISED)
      if (row.heard?.finish !== 'error') return
      // What was released before the end is there, and nothing of what was not.
      expect(heard?.text).not.toBe('')
      expect(LONG.startsWith(heard?.text ?? '')).toBe(true)
    })
  })

  test('the client hangs up in mid-stream', async () => {
    const raised = await hangsUp(through(), mistral)
    expect(raised).toMatchObject({ name: 'AbortError' })
  })
})

/** A stream that breaks off ends with `finish: error`, which is all that the SDK tells: it never ends as if it were whole. */
function told(row: Row): Row {
  if (row.raises !== 'broken stream' && row.raises !== 'fault in the stream' && row.raises !== 'cut off') return row
  const { raises: _, says: __, ...rest } = row
  return { ...rest, heard: { tools: [], finish: 'error' } }
}
