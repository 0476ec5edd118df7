import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type IssuedPair, pairKey, STORE_NAME } from '../../src/identity/index.ts'
import { type House, startHouse } from '../house.ts'
import { callBytes, type Raw, raw, statuses } from '../http/raw.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { type Sent, sign } from './wire.ts'

/** Whoever only claims an access key id has a small part of the memory for bodies, and takes none of the others'. */
const PATH = '/openai/v1/chat/completions'
const BODY = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(2_000) }] })
let recorder: Recorder
let house: House
let pair: IssuedPair
beforeAll(async () => {
  recorder = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${recorder.url}/v1` } },
    config: { identity: { sigv4: true }, limits: { body: '128KiB', in_flight_bytes: '1MiB' } },
  })
  pair = await pairKey(join(house.folder, 'keys', STORE_NAME), house.key.slice(4, 12), 0)
})
afterAll(async () => {
  await house.stop()
  await recorder.close()
})

const bytesOf = ({ presented: { proof, headers }, body }: Sent): string =>
  callBytes({ ...headers, ...proof }, Buffer.from(body).toString())

async function ask(bytes: string): Promise<string> {
  const client = await raw(house.customhouse.data)
  client.send(bytes)
  const text = await client.until(/\r\n\r\n.+/)
  client.socket.destroy()
  return text
}

const signed = async (digest: boolean): Promise<string> =>
  ask(bytesOf(await sign(pair, { path: PATH, body: BODY, digest })))

async function stranger(): Promise<Raw> {
  const sent = await sign(
    { accessKeyId: `CHKA${'0'.repeat(16)}`, secretAccessKey: 'none' },
    { path: PATH, body: ' '.repeat(130_000), digest: false },
  )
  const client = await raw(house.customhouse.data)
  client.send(bytesOf(sent).slice(0, -100))
  return client
}

it('strangers whose bodies do not end shut out only who cannot be told from them yet', async () => {
  await expect.poll(() => signed(false), { timeout: 5_000 }).toContain('fine')
  const strangers = await Promise.all(Array.from({ length: 6 }, stranger))
  await expect.poll(() => strangers.filter((client) => client.text() !== '').length, { timeout: 5_000 }).toBe(5)
  const late = await signed(false)
  expect(statuses(late)).toEqual([503])
  expect(late).toContain('whose sender can be proved by their body alone')
  // Proved by the head, as the AWS SDK for JavaScript and Anthropic's clients are, it is the tenant's.
  expect(statuses(await signed(true))).toEqual([200])
  expect(statuses(await ask(callBytes({ authorization: `Bearer ${house.key}` }, BODY)))).toEqual([200])
  for (const client of strangers) client.socket.destroy()
  await expect.poll(() => signed(false), { timeout: 5_000 }).toContain('fine')
})
