import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectH2 } from 'node:http2'
import { request as requestH1 } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compose } from '../../src/compose.ts'
import { type House, layGround, startHouse } from '../house.ts'
import { type SelfSigned, selfSigned } from '../kit/certificate.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { raw, statuses } from './raw.ts'

/** A data port that speaks TLS, and nothing else. */

const BODY = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })
const CHAT = '/openai/v1/chat/completions'
const first = selfSigned()
const second = selfSigned()
let folder: string
let upstream: Recorder
let house: House

const lay = (name: string, { cert, key }: SelfSigned): { cert: string; key: string } => {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  return files
}
const listening = (files: { cert: string; key: string }) => ({
  listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0', tls: { cert: files.cert, key: `\${file:${files.key}}` } },
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'customhouse-tls-'))
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: {
      ...listening(lay('first', first)),
      limits: { timeouts: { connection: '1s', headers: '1s', request: '2s', keep_alive: '5s', idle: '800ms' } },
    },
  })
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

const port = (): number => Number(new URL(house.customhouse.data).port)

async function overH2(ca: string, { customhouse, key } = house): Promise<number> {
  const session = connectH2(customhouse.data, { ca })
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request({
        ':method': 'POST',
        ':path': CHAT,
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
      })
      stream.on('error', reject)
      stream.on('response', (headers) => resolve(Number(headers[':status'])))
      stream.resume()
      stream.end(BODY)
    })
  } finally {
    session.destroy()
  }
}

function overH1(ca: string, { customhouse, key } = house): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = requestH1(
      `${customhouse.data}${CHAT}`,
      {
        method: 'POST',
        ca,
        agent: false,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      },
      (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    request.on('error', reject)
    request.end(BODY)
  })
}

/** What a client that offers these protocols comes to: the protocol, or the code of its error. */
function offer(protocols: readonly string[] | null): Promise<string | false> {
  return new Promise((resolve) => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: port(),
      ca: first.cert,
      servername: 'localhost',
      ...(protocols === null ? {} : { ALPNProtocols: [...protocols] }),
    })
    socket.on('secureConnect', () => {
      resolve(socket.alpnProtocol ?? '')
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

test('both protocols, at the address that is told', async () => {
  expect(house.customhouse.data).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  expect(await overH2(first.cert)).toBe(200)
  expect(await overH1(first.cert)).toBe(200)
})

test.each<[readonly string[] | null, string | false]>([
  [['h2'], 'h2'],
  [['http/1.1', 'h2'], 'h2'],
  [['http/1.1'], 'http/1.1'],
  [null, false],
  [['h3'], 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
  [['http/1.0', 'spdy/3'], 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
])('a client that offers %j', async (protocols, agreed) => {
  expect(await offer(protocols)).toBe(agreed)
})

test.each([
  ['TLSv1.1', false],
  ['TLSv1.2', true],
  ['TLSv1.3', true],
] as const)('%s: %s', async (version, speaks) => {
  const client = await raw(house.customhouse.data, { ca: first.cert, version })
  client.send('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  expect(statuses(await client.closed())).toEqual(speaks ? [404] : [])
  client.socket.destroy()
})

describe('what is no TLS', () => {
  test.each<[string, string | Buffer, number[]]>([
    ['HTTP/1.1 in clear text', `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n\r\n`, [400]],
    ['HTTP/2 in clear text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    ['a record that is no handshake', Buffer.from('1703030005', 'hex'), [400]],
    ['a hello of rubbish', Buffer.from(`16030100a5${'ff'.repeat(165)}`, 'hex'), []],
    ['half a hello', Buffer.from('16030100a5010000a10303', 'hex'), []],
  ])('%s: closed, and nobody else is the worse', async (_, bytes, said) => {
    const client = await raw(house.customhouse.data.replace('https', 'http'))
    client.send(bytes)
    expect(statuses(await client.closed())).toEqual(said)
    client.socket.destroy()
    expect(await overH1(first.cert)).toBe(200)
  })

  test('clients that reset in the middle of a handshake do not end the process', async () => {
    const faults: unknown[] = []
    const keep = (error: unknown): void => void faults.push(error)
    process.on('uncaughtException', keep)
    try {
      for (let turn = 0; turn < 60; turn++) {
        const client = await raw(house.customhouse.data.replace('https', 'http'))
        const socket =
          turn % 3 === 0 ? connectTls({ socket: client.socket, ca: first.cert, servername: 'localhost' }) : null
        socket?.on('error', () => undefined)
        if (socket === null) client.send(Buffer.from('16030100a5010000a10303'.slice(0, 2 + 2 * (turn % 10)), 'hex'))
        else if (turn % 2 === 0) await new Promise((resolve) => socket.once('secureConnect', resolve))
        client.socket.resetAndDestroy()
      }
      expect(await overH2(first.cert)).toBe(200)
      expect(faults).toEqual([])
    } finally {
      process.off('uncaughtException', keep)
    }
  })
})

describe('another certificate', () => {
  let files: { cert: string; key: string }
  /** A gateway of its own: the others show the first certificate as long as they live. */
  let renewed: House
  beforeAll(async () => {
    files = lay('renewed', first)
    renewed = await startHouse({ providers: { one: { url: `${upstream.url}/v1` } }, config: listening(files) })
  })
  afterAll(() => renewed?.stop())
  const rejected = () => renewed.logged.filter(({ msg }) => /rejected; the last good one stays/.test(String(msg)))

  test('a broken one changes nothing, and is told; a good one is shown from the next connection on', async () => {
    const open = connectH2(renewed.customhouse.data, { ca: first.cert })
    open.on('error', () => undefined)
    await new Promise((resolve) => open.once('remoteSettings', resolve))

    writeFileSync(files.cert, '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n')
    await renewed.customhouse.reload()
    expect(rejected()).toHaveLength(1)
    expect(await overH1(first.cert, renewed)).toBe(200)

    // Its key has not come yet.
    writeFileSync(files.cert, second.cert)
    await renewed.customhouse.reload()
    expect(rejected().length).toBeGreaterThanOrEqual(2)
    expect(await overH1(first.cert, renewed)).toBe(200)
    expect(JSON.stringify(renewed.logged)).not.toContain('PRIVATE KEY')

    // Nobody asks for a reload: the files are watched.
    writeFileSync(files.key, second.key)
    await expect.poll(() => overH1(second.cert, renewed).catch(() => 0), { timeout: 5_000, interval: 100 }).toBe(200)
    await expect(overH1(first.cert, renewed)).rejects.toThrow(/self-signed|certificate/)
    expect(await overH2(second.cert, renewed)).toBe(200)
    // Who was there stays.
    await new Promise<void>((resolve, reject) => open.ping((error) => (error === null ? resolve() : reject(error))))
    open.destroy()
  })
})

const RUBBISH = '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n'
test.each<[string, SelfSigned, RegExp]>([
  ['no certificate', { cert: RUBBISH, key: first.key }, /:\d+:\d+ {2}listen\.tls\.cert: /],
  ["another's key", { cert: first.cert, key: second.key }, /:\d+:\d+ {2}listen\.tls\.key: /],
])('%s at the start: it does not start, and says where', async (_, pair, where) => {
  const ground = await layGround({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: listening(lay('bad', pair)),
  })
  try {
    const started = ground.read().then((loaded) => compose(loaded, { log: pino({ level: 'silent' }) }))
    await expect(started).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID', message: expect.stringMatching(where) })
  } finally {
    ground.remove()
  }
})

test('draining over TLS: connections close', async () => {
  const ground = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: listening(lay('drain', first)),
  })
  const idle = await raw(ground.customhouse.data, { ca: first.cert, alpn: ['http/1.1'] })
  const half = await raw(ground.customhouse.data.replace('https', 'http'))
  half.send(Buffer.from('16030100a5', 'hex'))
  const session = connectH2(ground.customhouse.data, { ca: first.cert })
  session.on('error', () => undefined)
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  await ground.stop()
  await idle.closed()
  await half.closed()
  await expect.poll(() => session.destroyed).toBe(true)
})
