import { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { azureVoice } from './azure-voice.ts'
import { azure, openai, RAISED } from './openai-sdk.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls, overH2c, overTls, type Transport } from './transport.ts'

/** The clients of Azure: OpenAI's own for it, and OpenAI's for its v1 API, through every door. */

/** It takes a second each time: it is asked once a client. */
const SLOW = "the provider's 429, waited for and repeated by the SDK"

const CLIENTS = [
  { name: 'AzureOpenAI', driver: azure, prefix: '/azure' },
  { name: 'openai with the v1 API', driver: openai, prefix: '/azure/openai/v1' },
].flatMap((client) => [
  { ...client, how: 'whole', streamed: false },
  { ...client, how: 'streamed', streamed: true },
])

const tls = listenTls()
let clear: Scene
let secure: Scene
beforeAll(async () => {
  clear = await startScene(azureVoice)
  secure = await startScene(azureVoice, { listen: tls.listen })
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
  const through = (prefix: string): Scene => ({
    ...scene(),
    voice: { ...azureVoice, prefix },
    ...(transport === null ? {} : { send: transport.send }),
  })

  describe.each(CLIENTS)('$name, $how', ({ prefix, driver, streamed }) => {
    const rows = table(streamed, azureVoice).filter(({ name }) => name !== SLOW || (door === 'HTTP/1.1' && !streamed))
    test.each(rows)('$name', async (row) => {
      const { error, counted } = await run(through(prefix), driver, row, streamed, RAISED)
      if (!(error instanceof APIError) || error.status === undefined) return
      expect(error.requestID).toBe(counted.calls.at(-1)?.call)
      if (row.raises === 'denied') expect(error.headers?.get('apim-request-id')).toBe(error.requestID)
    })
  })

  test('the client hangs up in mid-stream', async () => {
    expect(await hangsUp(through('/azure'), azure)).toBeNull()
  })
})
