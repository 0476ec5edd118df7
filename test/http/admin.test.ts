import { createServer } from 'node:http'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import { admin } from '../../src/http/admin.ts'
import { edge } from '../../src/http/edge.ts'
import { listenHttp1 } from '../../src/http/listener.ts'
import { raw, statuses } from './raw.ts'

const LIMITS = { connectionMs: 2_000, headerBytes: 8_192, headersMs: 2_000, requestMs: 2_000, keepAliveMs: 500 }

describe('the admin port', () => {
  const state = { started: true, draining: false, ledger: 'ok' }
  const app = admin(
    {
      started: () => state.started,
      draining: () => state.draining,
      checks: () => ({ ledger: state.ledger, policy: 'ok abc' }),
    },
    {
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      bytes: async () => {
        if (state.ledger === 'ok') return Buffer.from('gw_build_info 1\n')
        throw new Error('what nobody should see')
      },
    },
  )
  const rows: readonly (readonly [Partial<typeof state>, string, number])[] = [
    [{}, '/livez', 200],
    [{}, '/healthz', 200],
    [{}, '/health/liveness', 200],
    [{}, '/startupz', 200],
    [{}, '/readyz', 200],
    [{}, '/health/readiness', 200],
    [{ started: false }, '/livez', 200],
    [{ started: false }, '/startupz', 503],
    [{ started: false }, '/readyz', 503],
    [{ draining: true }, '/livez', 200],
    [{ draining: true }, '/startupz', 200],
    [{ draining: true }, '/readyz', 503],
    [{ ledger: 'it cannot write' }, '/livez', 200],
    [{ ledger: 'it cannot write' }, '/readyz', 503],
    [{ ledger: 'okay?' }, '/readyz', 503],
    [{ ledger: 'it cannot write' }, '/metrics', 500],
    [{}, '/openai/v1/chat/completions', 404],
    [{}, '/', 404],
    [{}, '/livez/x', 404],
    [{}, '/%E0%A4%A', 404],
  ]
  test.each(rows)('%o %s: %i', async (change, path, status) => {
    Object.assign(state, { started: true, draining: false, ledger: 'ok' }, change)
    const answer = await supertest(app).get(path)
    expect(answer.status).toBe(status)
    expect(answer.type).toBe('application/json')
    expect(answer.headers).not.toHaveProperty('x-powered-by')
    expect(answer.headers).not.toHaveProperty('etag')
    // Without `verbose` a probe tells strangers nothing.
    expect(answer.text).not.toMatch(/ledger|policy|abc/)
  })

  test('/metrics is text, for the same hosts, and a failure says nothing', async () => {
    Object.assign(state, { started: true, draining: false, ledger: 'ok' })
    const { status, text, headers } = await supertest(app).get('/metrics')
    expect([status, text, headers['content-type']]).toEqual([
      200,
      'gw_build_info 1\n',
      'text/plain; version=0.0.4; charset=utf-8',
    ])
    expect((await supertest(app).get('/metrics').set('host', 'evil.example')).status).toBe(421)
    state.ledger = 'it cannot write'
    expect((await supertest(app).get('/metrics')).body).toEqual({ status: 'failed' })
  })

  test('verbose names each check', async () => {
    Object.assign(state, { started: true, draining: true, ledger: 'ok' })
    const answer = await supertest(app).get('/readyz?verbose')
    expect([answer.status, answer.body]).toEqual([
      503,
      { status: 'not ready', checks: { ledger: 'ok', policy: 'ok abc', drain: 'draining' } },
    ])
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'] as const)('%s changes nothing', async (method) => {
    const agent = supertest(app)
    const answer = await { POST: agent.post, PUT: agent.put, DELETE: agent.delete, OPTIONS: agent.options }[
      method
    ].call(agent, '/livez')
    expect([200, 404]).toContain(answer.status)
    if (answer.status === 200) expect(answer.headers.allow).toMatch(/GET/)
  })

  test.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:8451', 200],
    ['localhost', 200],
    ['localhost:8451', 200],
    ['[::1]:8451', 200],
    ['10.1.2.3', 200],
    ['evil.example', 421],
    ['evil.example:8451', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['127.0.0.1@evil.example', 421],
    ['[evil.example]', 421],
    ['localhost:80:80', 421],
    ['LOCALHOST', 200],
  ])('Host: %s is %i', async (host, status) => {
    expect((await supertest(app).get('/livez').set('host', host)).status).toBe(status)
  })

  test.each(['GET http://[bad/readyz', 'GET *', 'GET //evil.example/readyz'])(
    '%s: no page of somebody else',
    async (line) => {
      const listener = await listenHttp1({ host: '127.0.0.1', port: 0 }, app, LIMITS)
      const client = await raw(listener.url)
      client.send(`${line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
      const text = await client.closed()
      expect(statuses(text)[0]).toBeGreaterThanOrEqual(400)
      expect(text).toMatch(/content-type: application\/json/i)
      client.socket.destroy()
      await listener.stop()
    },
  )
})

describe('readers of the admin port', () => {
  const HEALTH = { started: () => true, draining: () => false, checks: () => ({}) }
  const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

  async function opened(size: number, answerMs?: number) {
    const text = Buffer.alloc(size, 'x')
    let asked = 0
    const bytes = async (): Promise<Buffer> => {
      asked += 1
      return text
    }
    const app = admin(HEALTH, { contentType: 'text/plain', bytes }, answerMs)
    const listener = await listenHttp1({ host: '127.0.0.1', port: 0 }, app, LIMITS)
    return {
      listener,
      asked: () => asked,
      close: async () => {
        listener.destroy()
        await listener.stop()
      },
    }
  }

  test('that ask fifty times and read nothing are given one answer each, which all of them share', async () => {
    const { listener, asked, close } = await opened(32 * 1024 * 1024)
    const before = process.memoryUsage().arrayBuffers
    const clients = await Promise.all(Array.from({ length: 30 }, () => raw(listener.url)))
    for (const client of clients) {
      client.socket.pause()
      client.send(GET('/metrics').repeat(50))
    }
    await expect.poll(asked).toBe(30)
    const probe = await raw(listener.url)
    probe.send(GET('/livez'))
    expect(statuses(await probe.until('"ok"'))).toEqual([200])
    expect(asked()).toBe(30)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
    for (const { socket } of [...clients, probe]) socket.destroy()
    await close()
  })

  test('of which one asks again before it has read: that one is told to wait', async () => {
    const { listener, asked, close } = await opened(100)
    const client = await raw(listener.url)
    client.send(GET('/metrics').repeat(2))
    expect(statuses(await client.closed())).toEqual([200, 503])
    expect(asked()).toBe(1)
    const patient = await raw(listener.url)
    for (const times of [1, 2, 3]) {
      patient.send(GET('/metrics'))
      await expect.poll(() => statuses(patient.text())).toEqual(Array.from({ length: times }, () => 200))
    }
    client.socket.destroy()
    patient.socket.destroy()
    await close()
  })

  test('that do not read in time are let go', async () => {
    const { listener, close } = await opened(32 * 1024 * 1024, 300)
    const client = await raw(listener.url)
    client.socket.pause()
    client.send(GET('/metrics'))
    await expect.poll(() => listener.connections()).toBe(1)
    await expect.poll(() => listener.connections(), { timeout: 5_000 }).toBe(0)
    client.socket.destroy()
    await close()
  })

  test('that are too many: the oldest go, and a probe is answered', async () => {
    const { listener, close } = await opened(100)
    const clients = []
    for (let turn = 0; turn < 80; turn++) {
      const client = await raw(listener.url)
      client.send(GET('/livez'))
      await client.until('"ok"')
      clients.push(client)
    }
    await expect.poll(() => listener.connections()).toBe(64)
    await Promise.all(clients.slice(0, 16).map((client) => client.closed()))
    for (const client of clients) client.socket.destroy()
    await close()
  })
})

describe('the edge', () => {
  const app = createServer(edge(['/openai/v1', '/anthropic']))
  test.each(['/', '/v1/chat/completions', '/livez', '/favicon.ico', '/?verbose'])(
    '%s says where to go',
    async (path) => {
      const answer = await supertest(app).get(path)
      expect([answer.status, answer.type, answer.body.error.code]).toEqual([404, 'application/json', 'unknown_url'])
      expect(answer.body.error.message).toContain('/openai/v1, /anthropic')
      expect(answer.headers).not.toHaveProperty('x-powered-by')
    },
  )
  test('a body that nobody asked for is not echoed', async () => {
    const answer = await supertest(app).post('/x').send({ canary: 'CANARY' })
    expect(answer.status).toBe(404)
    expect(JSON.stringify(answer.headers) + answer.text).not.toContain('CANARY')
  })
})
