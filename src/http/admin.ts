import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import express from 'express'

/** What the probes ask. Each answers at once, from memory: a probe never calls a provider. */
export type Health = Readonly<{
  started: () => boolean
  draining: () => boolean
  /** Every part that must work for calls to be taken: `ok`, or what is wrong. */
  checks: () => Readonly<Record<string, string>>
}>

/** What Prometheus reads. The bytes may be shared with others who ask. */
export type Metrics = Readonly<{ contentType: string; bytes(): Promise<Uint8Array> }>

/** Connections that have asked for something. A further one breaks the oldest of them: the newest may be a probe. */
const CONNECTIONS = 64
/** For an answer to be made and read, to its last byte. */
const ANSWER_MS = 10_000

/**
 * The admin listener's own app. The Host header must name an address or localhost: a page in a browser that was tricked into
 * resolving its own name to this port does not.
 *
 * @param answerMs for an answer to be made and read
 */
export function admin(health: Health, metrics: Metrics, answerMs = ANSWER_MS): RequestListener {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use((request, response, next) => {
    if (isAddress(request.headers.host ?? '')) return next()
    response
      .status(421)
      .json({ status: 'refused', message: 'The Host header of the admin port must be an IP address or localhost.' })
  })
  app.get(['/livez', '/healthz', '/health/liveness'], (_request, response) => {
    response.json({ status: 'ok' })
  })
  app.get('/startupz', (_request, response) => {
    response.status(health.started() ? 200 : 503).json({ status: health.started() ? 'ok' : 'starting' })
  })
  app.get(['/readyz', '/health/readiness'], (request, response) => {
    const checks = { ...health.checks(), drain: health.draining() ? 'draining' : 'ok' }
    const ready = health.started() && Object.values(checks).every((check) => check === 'ok' || check.startsWith('ok '))
    const body = { status: ready ? 'ok' : 'not ready' }
    response.status(ready ? 200 : 503).json('verbose' in request.query ? { ...body, checks } : body)
  })
  const scraping = new WeakSet<Socket>()
  app.get('/metrics', async ({ socket }, response) => {
    // Whoever asks again before the last answer is read would have all of them wait here.
    if (scraping.has(socket)) {
      response.status(503).set({ connection: 'close', 'retry-after': '1' }).json({ status: 'busy' })
      return
    }
    scraping.add(socket)
    response.once('finish', () => scraping.delete(socket))
    try {
      const bytes = await metrics.bytes()
      response.setHeader('content-type', metrics.contentType)
      // Not a copy: slow readers share it too.
      response.end(bytes)
    } catch {
      // Express would show the error.
      response.status(500).json({ status: 'failed' })
    }
  })
  app.use((_request, response) => {
    response.status(404).json({ status: 'not found' })
  })
  // Express matches nothing where it cannot read the address, and would then answer in HTML of its own.
  const matched: (request: IncomingMessage, response: ServerResponse, unmatched: () => void) => unknown = app
  const open = new Set<Socket>()
  return (request, response) => {
    bound(open, request.socket)
    const late = setTimeout(() => request.socket.destroy(), answerMs).unref()
    response.once('finish', () => clearTimeout(late))
    response.once('close', () => clearTimeout(late))
    matched(request, response, () => {
      response.writeHead(400, { 'content-type': 'application/json; charset=utf-8' })
      response.end('{"status":"refused","message":"The address cannot be read."}')
    })
  }
}

/** Connections that have said nothing yet are the listener's to close, in `limits.timeouts.connection`. */
function bound(open: Set<Socket>, socket: Socket): void {
  if (open.has(socket)) return
  open.add(socket)
  socket.once('close', () => open.delete(socket))
  const [oldest] = open
  if (open.size > CONNECTIONS) oldest?.destroy()
}

function isAddress(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  return name === 'localhost' || /^\[[0-9a-f:.]+\]$/.test(name) || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name)
}
