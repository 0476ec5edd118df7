import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { langchain, RAISED as RAISED_BY_LANGCHAIN } from './openai-langchain.ts'
import { openai, RAISED } from './openai-sdk.ts'
import { RAISED as RAISED_BY_VERCEL, vercel } from './openai-vercel.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls, overH2c, overTls, type Transport } from './transport.ts'

/** The clients of OpenAI's dialect in JavaScript through every other door: h2c, and TLS with either protocol. */

/** It takes a second each time: here it is asked of one client alone. */
const SLOW = "the provider's 429, waited for and repeated by the SDK"

const CLIENTS = [
  { name: 'openai', driver: openai, raised: RAISED },
  { name: 'vercel', driver: vercel, raised: RAISED_BY_VERCEL },
  { name: 'langchain', driver: langchain, raised: RAISED_BY_LANGCHAIN },
].flatMap((client) => [
  { ...client, how: 'whole', streamed: false },
  { ...client, how: 'streamed', streamed: true },
])

const tls = listenTls()
let clear: Scene
let secure: Scene
beforeAll(async () => {
  clear = await startScene()
  secure = await startScene(undefined, { listen: tls.listen })
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

  describe.each(CLIENTS)('$name, $how', ({ name, driver, streamed, raised }) => {
    const rows = table(streamed).filter((row) => row.name !== SLOW || (name === 'openai' && !streamed))
    test.each(rows)('$name', async (row) => {
      await run({ ...scene(), send: transport.send }, driver, row, streamed, raised)
    })
  })

  test.each([
    { name: 'openai', driver: openai, raises: null },
    { name: 'vercel', driver: vercel, raises: null },
    { name: 'langchain', driver: langchain, raises: { name: 'AbortError' } },
  ])('$name hangs up in mid-stream', async ({ driver, raises }) => {
    const raised = await hangsUp({ ...scene(), send: transport.send }, driver)
    if (raises === null) expect(raised).toBeNull()
    else expect(raised).toMatchObject(raises)
  })
})
