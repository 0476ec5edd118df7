import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { langchain } from './anthropic-langchain.ts'
import { drivers, RAISED } from './anthropic-sdk.ts'
import { RAISED as RAISED_BY_VERCEL, vercel } from './anthropic-vercel.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls, overH2c, overTls, type Transport } from './transport.ts'

/** Anthropic's clients in JavaScript through every other door: h2c, and TLS with either protocol. */

/** It takes a second for each client, and is the same behind every door. */
const SLOW = "the provider's 429, waited for and repeated by the SDK"

const CLIENTS = [
  { name: 'anthropic, whole', driver: drivers.create, streamed: false, raised: RAISED },
  { name: 'anthropic, streamed', driver: drivers.create, streamed: true, raised: RAISED },
  { name: 'anthropic, the stream helper', driver: drivers.helper, streamed: true, raised: RAISED },
  { name: 'anthropic 0.x, whole', driver: drivers.create0, streamed: false, raised: RAISED },
  { name: 'anthropic 0.x, streamed', driver: drivers.create0, streamed: true, raised: RAISED },
  { name: 'vercel, whole', driver: vercel, streamed: false, raised: RAISED_BY_VERCEL },
  { name: 'vercel, streamed', driver: vercel, streamed: true, raised: RAISED_BY_VERCEL },
  { name: 'langchain, whole', driver: langchain, streamed: false, raised: RAISED },
  { name: 'langchain, streamed', driver: langchain, streamed: true, raised: RAISED },
] as const

const tls = listenTls()
let clear: Scene
let secure: Scene
beforeAll(async () => {
  clear = await startScene(anthropicVoice)
  secure = await startScene(anthropicVoice, { listen: tls.listen })
})
afterAll(async () => {
  await clear?.close()
  await secure?.close()
  tls.remove()
})

describe.each<{ door: string; open: () => Transport; scene: () => Scene }>([
  { door: 'h2c', open: () => overH2c(clear.house.customhouse.data), scene: () => clear },
  { door: 'TLS, HTTP/1.1', open: () => overTls(tls.ca, 'http/1.1'), scene: () => secure },
  { door: 'TLS, h2', open: () => overTls(tls.ca, 'h2'), scene: () => secure },
])('over $door', ({ open, scene }) => {
  let transport: Transport
  beforeAll(() => {
    transport = open()
  })
  afterAll(() => transport?.close())

  describe.each(CLIENTS)('$name', ({ driver, streamed, raised }) => {
    const rows = table(streamed, anthropicVoice).filter(({ name }) => name !== SLOW)
    test.each(rows)('$name', async (row) => {
      // LangChain's count of a stream is its own: test/e2e/langchain-anthropic.
      const { tokens: _, ...heard } = row.heard ?? {}
      const asked = row.heard === undefined ? row : { ...row, heard }
      await run({ ...scene(), send: transport.send }, driver, asked, streamed, raised)
    })
  })

  test('the client hangs up in mid-stream', async () => {
    expect(await hangsUp({ ...scene(), send: transport.send }, drivers.create)).toBeNull()
  })
})
