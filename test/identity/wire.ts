import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { SignatureV4 } from '@smithy/signature-v4'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Presented } from '../../src/core/port.ts'
import {
  type Accepted,
  CREDENTIAL_HEADERS,
  createKey,
  type GatewayKeys,
  type IssuedPair,
  openKeys,
  pairKey,
} from '../../src/identity/index.ts'
import { newStore } from './kit.ts'

/** A call as a client sent it: what it presents, and its body. */
export type Sent = Readonly<{ presented: Presented; body: Uint8Array }>

/** Who a call proves, `subject of tenant`, or the message of the refusal; and when it was refused. */
export type Judged = Readonly<{ who: string; when: 'head' | 'body' | null }>

export function judge(keys: GatewayKeys, { presented, body }: Sent): Judged {
  let when: Judged['when'] = 'head'
  try {
    const { principal, confirm } = keys.authenticate(presented)
    when = 'body'
    confirm?.(body)
    if (!keys.stands(principal)) throw new Error('a principal that was just proved does not stand')
    return { who: `${principal.subject} of ${principal.tenant}`, when: null }
  } catch (error) {
    if (!(error instanceof CustomhouseError)) throw error
    if (error.code !== 'ERR_IDENTITY_INVALID' && error.code !== 'ERR_IDENTITY_MISSING') throw error
    return { who: error.message, when }
  }
}

/** Splits headers as the data plane does. */
export function present(method: string, target: string, all: Readonly<Record<string, string>>): Presented {
  const [path = '', ...query] = target.split('?')
  const entries = Object.entries(all).map(([name, value]) => [name.toLowerCase(), value] as const)
  const isProof = ([name]: readonly [string, string]): boolean => CREDENTIAL_HEADERS.includes(name)
  return {
    method,
    path,
    query: query.join('?'),
    proof: Object.fromEntries(entries.filter(isProof)),
    headers: Object.fromEntries(entries.filter((entry) => !isProof(entry))),
    certificate: null,
  }
}

const CONVERSED = JSON.stringify({
  output: { message: { role: 'assistant', content: [{ text: 'ok' }] } },
  stopReason: 'end_turn',
  usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
  metrics: { latencyMs: 1 },
})
const MESSAGE = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [{ type: 'text', text: 'ok' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
})

export type Wire = Readonly<{ h1: string; h2: string; sent: Sent[]; close: () => Promise<void> }>

/** Two real sockets, HTTP/1.1 and HTTP/2 in clear text, that keep what clients send and answer each of them as Bedrock does. */
export async function openWire(): Promise<Wire> {
  const sent: Sent[] = []
  const take = async (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (typeof value === 'string' && !name.startsWith(':')) headers[name] = value
    }
    const authority = request.headers[':authority']
    if (typeof authority === 'string') headers.host ??= authority
    sent.push({
      presented: present(request.method ?? '', request.url ?? '', headers),
      body: Buffer.concat(chunks),
    })
    response.statusCode = 200
    response.setHeader('content-type', 'application/json')
    response.end(request.url?.includes('/converse') ? CONVERSED : MESSAGE)
  }
  const servers: readonly Server[] = [createServer(take), createHttp2Server(take)]
  const [h1 = '', h2 = ''] = await Promise.all(servers.map(listening))
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  return { h1, h2, sent, close }
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}

/** The digest that AWS's signer asks for, by Node's own. */
class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    if (secret === undefined) this.#hash = createHash('sha256')
    else this.#hash = createHmac('sha256', typeof secret === 'string' ? secret : bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    throw new Error('a digest is used once')
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

export type ToSign = Readonly<{
  method?: string
  path?: string
  query?: Readonly<Record<string, string>>
  headers?: Readonly<Record<string, string>>
  body?: string
  service?: string
  region?: string
  at?: Date
  sessionToken?: string
  /** Whether x-amz-content-sha256 is sent. Default true. */
  digest?: boolean
}>

/** A call signed by AWS's own signer. */
export async function sign(
  pair: Pick<IssuedPair, 'accessKeyId' | 'secretAccessKey'>,
  what: ToSign = {},
): Promise<Sent> {
  const { method = 'POST', path = '/bedrock/model/m/converse', query = {}, body = '{"messages":[]}' } = what
  const { accessKeyId, secretAccessKey } = pair
  const signer = new SignatureV4({
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(what.sessionToken === undefined ? {} : { sessionToken: what.sessionToken }),
    },
    service: what.service ?? 'bedrock',
    region: what.region ?? 'eu-central-1',
    sha256: Sha256,
    applyChecksum: what.digest ?? true,
  })
  const headers = { host: 'gateway.test', 'content-type': 'application/json', ...what.headers }
  const signed = await signer.sign(
    { method, protocol: 'http:', hostname: 'gateway.test', path, query: { ...query }, headers, body },
    { signingDate: what.at ?? new Date() },
  )
  const text = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`)
  const target = text.length === 0 ? path : `${path}?${text.join('&')}`
  return { presented: present(method, target, signed.headers), body: Buffer.from(body) }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Everything is taken. */
export const BOTH: Accepted = { gatewayKeys: true, sigv4: true }
/** Whom {@link openPair} proves. */
export const WHO = 'claims-bot of claims'

/** A store with one key and its pair, and what proves them. */
export async function openPair(accepted: Accepted = BOTH) {
  const file = newStore()
  const { key, view } = await createKey(file, { subject: 'claims-bot', tenant: 'claims' })
  const pair = await pairKey(file, view.id, 0)
  const keys = await openKeys({ file, accepted, pollMs: 60_000 })
  return { file, key, id: view.id, pair, keys }
}
