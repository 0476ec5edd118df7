import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { ROOT } from '../house.ts'
import { ANTHROPIC, BEDROCK_CONVERSE, DOORS, OPENAI } from '../wire/doors.ts'
import { openReceiver, type ReceivedSpan, type Receiver } from './receiver.ts'
import { openScene, type Scene, textOf } from './scene.ts'

/** Spans, as a real collector gets them from a real gateway. */

let receiver: Receiver
let scene: Scene

beforeAll(async () => {
  receiver = await openReceiver()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url)
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-collector-key=for-the-collector')
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  vi.stubEnv('OTEL_SERVICE_NAME', 'border-post')
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment=test')
  scene = await openScene({ config: { traces: { accept_parent: true } } })
})
afterAll(async () => {
  await scene.stop()
  await receiver.close()
  vi.unstubAllEnvs()
})

/** Spans that come of a piece of work: those of the calls that end within it. */
async function spansOf(calls: number, work: () => Promise<unknown>): Promise<readonly ReceivedSpan[]> {
  const before = receiver.spans.length
  await work()
  const ended = (): number => receiver.spans.slice(before).filter(({ kind }) => kind === 2).length
  await expect.poll(ended, { timeout: 20_000 }).toBe(calls)
  return receiver.spans.slice(before)
}

const server = (spans: readonly ReceivedSpan[]): ReceivedSpan | undefined => spans.find(({ kind }) => kind === 2)
const clients = (spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] => spans.filter(({ kind }) => kind === 3)

describe('a call', () => {
  test.each([false, true])('of the OpenAI SDK, stream: %s', async (stream) => {
    const client = new OpenAI({ baseURL: scene.post.baseURL, apiKey: scene.post.key })
    const spans = await spansOf(1, async () => {
      const ask = {
        model: 'chat-model',
        messages: [{ role: 'user' as const, content: 'please speak' }],
        max_tokens: 99,
      }
      if (!stream) await client.chat.completions.create(ask)
      else for await (const _ of await client.chat.completions.create({ ...ask, stream }));
    })
    expect(spans).toHaveLength(2)
    const [intent] = scene.post.journal.filter(({ kind }) => kind === 'call.intent').slice(-1)
    expect(server(spans)).toMatchObject({
      name: 'POST /openai/v1/chat',
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/openai/v1/chat',
        'http.response.status_code': 200,
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.stream': stream,
        'gw.call.id': intent?.call,
        'gw.call.dialect': 'openai.chat',
        'gw.tenant': 'claims',
        'gw.decision': 'allow',
        'gw.policy.effect': 'allow',
        'gw.policy.revision': expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    const [attempt] = clients(spans)
    expect(attempt).toMatchObject({
      name: 'chat gpt-4o',
      traceId: server(spans)?.traceId,
      parentSpanId: server(spans)?.spanId,
      status: 0,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.request.max_tokens': 99,
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.usage.input_tokens': 12,
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'server.port': Number(new URL(scene.recorder.url).port),
        'gw.target': 'openai/gpt-4o',
        'gw.attempt': 1,
      },
    })
    expect(attempt?.attributes['gen_ai.response.time_to_first_chunk'] !== undefined).toBe(stream)
  })

  test.each(DOORS.flatMap((door) => [false, true].map((stream) => ({ door, stream }))))(
    '$door.title, stream: $stream: two spans of one trace, no model in the route',
    async ({ door, stream }) => {
      const spans = await spansOf(1, () => scene.call(door, 'speak', { stream }))
      expect(spans).toHaveLength(2)
      expect(server(spans)?.attributes['http.route']).toBe(`${door.mount}/chat`)
      expect(clients(spans)[0]?.attributes).toMatchObject({ 'gen_ai.request.model': door.target })
      expect(clients(spans)[0]?.attributes['gen_ai.usage.output_tokens']).toBeGreaterThan(0)
    },
  )

  test('with a fallback: a failed attempt and another', async () => {
    const spans = await spansOf(1, () => scene.call(OPENAI, 'elsewhere'))
    expect(
      clients(spans).map(({ status, attributes }) => [status, attributes['gw.target'], attributes['error.type']]),
    ).toEqual([
      [2, 'openai/gpt-4o', 'ERR_PROVIDER_UNREACHABLE'],
      [0, 'mistral/mistral-small-latest', undefined],
    ])
    expect(clients(spans)[0]?.attributes['http.response.status_code']).toBe(503)
    expect(server(spans)?.attributes).toMatchObject({ 'gw.decision': 'route', 'http.response.status_code': 200 })
  })

  test.each([
    ['fail', 500, '500', 2],
    ['refuse', 400, '400', 0],
  ] as const)('whose provider will %s', async (turn, status, errorType, code) => {
    const spans = await spansOf(1, () => scene.call(ANTHROPIC, turn))
    expect(clients(spans)[0]?.attributes).toMatchObject({
      'error.type': errorType,
      'http.response.status_code': status,
    })
    expect(server(spans)).toMatchObject({ status: code, attributes: { 'http.response.status_code': status } })
  })

  test.each([
    [true, 200, 'provider_truncated'],
    [false, 502, '502'],
  ])('whose provider breaks off, streamed: %s: both spans are errors', async (stream, status, errorType) => {
    const spans = await spansOf(1, () => scene.call(BEDROCK_CONVERSE, 'truncate', { stream }))
    expect(clients(spans)[0]).toMatchObject({ status: 2, attributes: { 'gw.ending': 'provider_truncated' } })
    expect(server(spans)).toMatchObject({
      status: 2,
      attributes: { 'http.response.status_code': status, 'error.type': errorType },
    })
  })

  test('whose client breaks off: the attempt is an error, and the server is at no fault', async () => {
    const spans = await spansOf(1, () => scene.call(BEDROCK_CONVERSE, 'linger', { stream: true }))
    expect(clients(spans)[0]).toMatchObject({ status: 2, attributes: { 'gw.ending': 'client_gone' } })
    expect(server(spans)?.status).toBe(0)
    expect(server(spans)?.attributes['error.type']).toBeUndefined()
  })

  test('that is denied has no attempt, and its rules', async () => {
    const key = await scene.post.keyOf('lab')
    await expect.poll(async () => (await scene.call(OPENAI, 'speak', { key })).status, { timeout: 20_000 }).toBe(403)
    const isDenied = ({ attributes }: ReceivedSpan): boolean => attributes['gw.decision'] === 'deny'
    await expect.poll(() => receiver.spans.find(isDenied), { timeout: 20_000 }).toBeDefined()
    const spans = receiver.spans
    const denied = spans.find(isDenied)
    expect(denied?.attributes).toMatchObject({
      'gw.policy.effect': 'deny',
      'gw.policy.rules': ['probe/unsatisfied'],
      'http.response.status_code': 403,
    })
    expect(spans.filter(({ traceId, kind }) => traceId === denied?.traceId && kind === 3)).toEqual([])
  })

  test.each([
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
    ['01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', true],
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', false],
    ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', false],
    ['00-00000000000000000000000000000000-b7ad6b7169203331-01', false],
    ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', false],
    ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', false],
    ['nonsense', false],
  ])('with traceparent %s: a parent is %s, and it goes no further', async (traceparent, taken) => {
    const spans = await spansOf(1, () => scene.call(OPENAI, 'speak', { headers: { traceparent, tracestate: 'a=b' } }))
    expect(server(spans)?.parentSpanId === 'b7ad6b7169203331').toBe(taken)
    expect(scene.recorder.requests.at(-1)?.wire.toString()).not.toMatch(/traceparent|tracestate|0af7651916cd43dd/i)
  })

  test('the collector is told who it is from, with its own headers', () => {
    expect(receiver.resource()).toMatchObject({ 'service.name': 'border-post', 'deployment.environment': 'test' })
    expect(receiver.wire()).toContain('"x-collector-key":"for-the-collector"')
  })
})

const VARIABLES = [
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_BSP_MAX_QUEUE_SIZE',
  'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
]

/** Telemetry with an environment of its own, and what it says. */
async function telemetry(env: Record<string, string>) {
  const said: string[] = []
  for (const name of VARIABLES) vi.stubEnv(name, undefined)
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const open = await openTelemetry({
    version: '1.2.3',
    env: process.env,
    known: () => true,
    acceptParent: () => false,
    warn: (line) => void said.push(line),
  })
  const call = (): void => {
    const watch = open.arrived({
      id: 'call',
      dialect: 'openai.chat',
      prefix: '/openai/v1',
      method: 'POST',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    })
    watch.ended(200, null)
  }
  const spans = async (): Promise<Record<string, number>> => {
    const text = await textOf(open.exposition(() => null))
    const found = text.matchAll(/^gw_trace_spans_total\{result="(\w+)"\} (\d+)$/gm)
    return Object.fromEntries([...found].map(([, result = '', count]) => [result, Number(count)]))
  }
  return { open, said, call, spans }
}

describe('a collector that is not wanted', () => {
  test.each([{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, { OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }])(
    'is not loaded: %o',
    async (env) => {
      const { open, said } = await telemetry(env)
      expect([open.exporting, said]).toEqual([false, []])
      await open.stop()
    },
  )

  test.each([
    ['http://127.0.0.1:9', true],
    ['', false],
  ])('at "%s": whether anything of the SDK is loaded: %s', (address, loaded) => {
    const program = `
      import { createRequire } from 'node:module'
      import { openTelemetry } from ${JSON.stringify(pathToFileURL(join(ROOT, 'src/telemetry/index.ts')).href)}
      await openTelemetry({ version: '1', env: process.env, known: () => true, acceptParent: () => false, warn: () => undefined })
      const files = Object.keys(createRequire(import.meta.url).cache)
      console.log(files.length > 10, files.some((file) => file.includes('@opentelemetry/sdk')))`
    const env = {
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: address,
      OTEL_SDK_DISABLED: '',
      OTEL_TRACES_EXPORTER: '',
    }
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' })
    expect(said.trim()).toBe(`true ${loaded}`)
  })

  test.each(['collector:4317', 'http://', 'ftp://collector', 'grpc://collector:4317'])(
    '%s is refused with a line, and the gateway serves',
    async (address) => {
      const { open, said, call } = await telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: address })
      expect([open.exporting, said.length]).toEqual([false, 1])
      call()
      expect(await textOf(open.exposition(() => null))).toMatch(/^gw_requests_total\{.*\} 1$/m)
      await open.stop()
    },
  )

  test('a parent is not taken where nobody said so, and what the sampler leaves out is not sent', async () => {
    const before = receiver.spans.length
    const wary = await telemetry({})
    wary.call()
    await wary.open.stop()
    expect(receiver.spans.slice(before).map(({ parentSpanId }) => parentSpanId ?? '')).toEqual([''])
    const silent = await telemetry({ OTEL_TRACES_SAMPLER: 'always_off' })
    silent.call()
    await silent.open.stop()
    expect(receiver.spans.length).toBe(before + 1)
  })
})

describe('a sampler', () => {
  test.each([
    ['rubbish', undefined, 1],
    [' always_off', undefined, 1],
    ['parentbased_', undefined, 1],
    ['traceidratio', undefined, 1],
    ['traceidratio', 'half', 1],
    ['parentbased_traceidratio', '2', 1],
    ['traceidratio', '0.5', 0],
    ['parentbased_traceidratio', '0', 0],
    ['parentbased_always_off', undefined, 0],
    ['always_on', 'no matter', 0],
    ['', undefined, 0],
  ])('"%s" with argument %s: lines in the log: %i', async (sampler, argument, lines) => {
    const env = {
      OTEL_TRACES_SAMPLER: sampler,
      ...(argument === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: argument }),
    }
    const { open, said } = await telemetry(env)
    expect(said.length).toBe(lines)
    for (const line of said) expect(line).toMatch(/^OTEL_TRACES_SAMPLER.*every call is traced/)
    const before = receiver.spans.length
    const watch = open.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
    watch.ended(200, null)
    await open.stop()
    // What the line says is what happens.
    if (lines > 0) expect(receiver.spans.length).toBe(before + 1)
  })
})

describe('a collector that', () => {
  const kinds = {
    'refuses connections': null,
    'takes them and says nothing': () => undefined,
    'drips for ever': (write: (text: string) => void) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
      setInterval(() => write('x'), 100).unref()
    },
    'speaks no HTTP': (write: (text: string) => void) => write('\x00\x01 what?\r\n\r\n'),
    redirects: (write: (text: string) => void) =>
      write(`HTTP/1.1 307 Elsewhere\r\nlocation: ${receiver.url}/v1/traces\r\ncontent-length: 0\r\n\r\n`),
    'wants it again in an hour': (write: (text: string) => void) =>
      write('HTTP/1.1 503 Later\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n'),
    'answers without end': (write: (text: string) => void) => {
      write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      for (let turn = 0; turn < 100; turn++) write(`10000\r\n${'x'.repeat(65_536)}\r\n`)
    },
  } as const
  test.each(Object.entries(kinds))('%s costs nothing but its spans', async (_, speak) => {
    const uncaught = vi.fn()
    process.on('unhandledRejection', uncaught)
    const hostile = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => speak?.((text) => void (socket.writable && socket.write(text))))
    })
    await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve))
    const address = hostile.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    if (speak === null) await new Promise((resolve) => hostile.close(resolve))
    const before = receiver.spans.length
    const { open, call, spans } = await telemetry({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    })
    for (let turn = 0; turn < 1_000; turn++) call()
    expect((await spans()).dropped).toBeGreaterThanOrEqual(890)
    await open.stop()
    await expect
      .poll(async () => Object.values(await spans()).reduce((sum, count) => sum + count, 0), { timeout: 10_000 })
      .toBe(1_000)
    // One that says 200 and then drips has taken what it was sent last.
    expect((await spans()).exported ?? 0).toBeLessThanOrEqual(speak === kinds['drips for ever'] ? 10 : 0)
    expect(receiver.spans.length).toBe(before)
    if (speak !== null) hostile.close()
    process.off('unhandledRejection', uncaught)
    expect(uncaught).not.toHaveBeenCalled()
  })

  test('trickles its answers keeps no connection beyond the time of an export', async () => {
    let exports = 0
    const trickling = createServer((socket) => {
      const drip = setInterval(() => socket.write('1\r\nx\r\n'), 50)
      socket.on('error', () => undefined)
      socket.on('close', () => clearInterval(drip))
      socket.once('data', () => {
        exports += 1
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      })
    })
    await new Promise<void>((resolve) => trickling.listen(0, '127.0.0.1', resolve))
    const address = trickling.address()
    const { open, call, spans } = await telemetry({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '150',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
    })
    for (let turn = 0; turn < 5; turn++) call()
    await expect.poll(async () => (await spans()).failed, { timeout: 10_000 }).toBe(5)
    expect(exports).toBe(5)
    const connections = (): Promise<number> =>
      new Promise((resolve) => trickling.getConnections((_, count) => resolve(count)))
    await expect.poll(connections, { timeout: 5_000 }).toBe(0)
    await open.stop()
    trickling.close()
  })
})
