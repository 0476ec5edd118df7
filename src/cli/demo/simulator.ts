import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Speech } from './answers.ts'
import { type Asked, anthropic, bedrock, openai, type Tongue } from './tongues.ts'

/** What a simulated provider received, byte for byte; header values in `latin1`, in wire order. */
export type Received = Readonly<{
  method: string
  path: string
  headers: readonly (readonly [name: string, value: string])[]
  body: Buffer
  /** Milliseconds since 1970. */
  at: number
}>

/** How a simulated provider behaves. `cut_off` breaks the connection after half of the answer; `silent` never answers. */
export type Behaviour =
  | Readonly<{ kind: 'speak'; speech?: Speech }>
  | Readonly<{ kind: 'fail'; status: number; retryAfterSeconds?: number }>
  | Readonly<{ kind: 'hang_up' | 'cut_off' | 'silent' }>

export type SimulatorOptions = Readonly<{
  /** Where this one claims to be: it stands in front of everything it says. */
  region: string
  /** 0 takes a free port of the loopback interface. */
  port?: number
  /** Pause between streamed chunks, milliseconds. Default 0. */
  paceMs?: number
  /** Asked for each call. Default: speaks back the last message of the user. */
  behave?: (received: Received) => Behaviour
  /** How many received calls are kept; the oldest go first. Default 1000. */
  keep?: number
}>

export type Simulator = Readonly<{
  region: string
  /** Base URL of its Anthropic and Bedrock APIs: `http://127.0.0.1:PORT`. */
  origin: string
  /** Base URL of its OpenAI API, without a slash at the end: `http://127.0.0.1:PORT/v1`. */
  baseUrl: string
  /** Oldest first. */
  received: readonly Received[]
  /** Another behaviour from now on; undefined restores the one it began with. */
  behave(next: ((received: Received) => Behaviour) | undefined): void
  close(): Promise<void>
}>

const TONGUES = [openai, anthropic, bedrock]

/** A provider on the loopback interface that speaks OpenAI's chat completions, Anthropic's Messages and Bedrock's Converse, and keeps what arrived. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const received: Received[] = []
  const keep = options.keep ?? 1000
  let behave = options.behave

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = await receive(request)
    received.push(call)
    if (received.length > keep) received.shift()
    const body = parsed(call.body)
    const [heard] = TONGUES.flatMap((tongue) => {
      const heard = call.method === 'POST' ? tongue.hear(call.path, body) : null
      return heard === null ? [] : [{ tongue, asked: heard.read }]
    })
    if (heard === undefined) {
      sendJson(response, 404, openai.fault(404, `Unknown request URL: ${call.method} ${call.path}`))
      return
    }
    const { tongue, asked } = heard
    if (asked === null) {
      sendJson(response, 400, tongue.fault(400, 'We could not parse the JSON body of your request.'))
      return
    }
    await act(behave?.(call) ?? { kind: 'speak' }, { tongue, asked }, options, response)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  server.keepAliveTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    region: options.region,
    origin: `http://127.0.0.1:${port}`,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    received,
    behave: (next) => {
      behave = next ?? options.behave
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = []
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const headers: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? ''])
  }
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers,
    body: Buffer.concat(chunks),
    at: Date.now(),
  }
}

type Heard = Readonly<{ tongue: Tongue; asked: Asked }>

async function act(
  behaviour: Behaviour,
  heard: Heard,
  options: SimulatorOptions,
  response: ServerResponse,
): Promise<void> {
  switch (behaviour.kind) {
    case 'silent':
      return
    case 'hang_up':
      response.socket?.resetAndDestroy()
      return
    case 'fail': {
      const { status, retryAfterSeconds: seconds } = behaviour
      if (seconds !== undefined) response.setHeader('retry-after', String(seconds))
      sendJson(response, status, heard.tongue.fault(status, `The simulated provider fails with ${status}.`))
      return
    }
    case 'speak':
    case 'cut_off': {
      const { last, choices, model } = heard.asked
      const spoken = behaviour.kind === 'speak' ? behaviour.speech : undefined
      const speech = spoken ?? { texts: Array.from({ length: choices }, () => `You said: ${last}`), model }
      const cutOff = behaviour.kind === 'cut_off'
      await speak({ region: options.region, ...speech }, heard, options.paceMs ?? 0, cutOff, response)
    }
  }
}

async function speak(
  speech: Speech,
  { tongue, asked }: Heard,
  paceMs: number,
  cutOff: boolean,
  response: ServerResponse,
): Promise<void> {
  if (!asked.stream) {
    const body = JSON.stringify(tongue.whole(speech))
    if (!cutOff) return sendJson(response, 200, body)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.write(body.slice(0, body.length >> 1), () => response.socket?.resetAndDestroy())
    return
  }
  const events = tongue.streamed(speech, asked)
  response.writeHead(200, { 'content-type': tongue.streamType, 'x-request-id': 'req_simulated' })
  for (const [index, event] of events.entries()) {
    if (response.destroyed) return
    if (cutOff && index === events.length >> 1) {
      response.socket?.resetAndDestroy()
      return
    }
    if (paceMs > 0 && index > 0) await sleep(paceMs)
    response.write(event)
  }
  response.end()
}

function sendJson(response: ServerResponse, status: number, body: string | Record<string, unknown>): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-request-id': 'req_simulated',
  })
  response.end(text)
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
