import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ReceivedSpan = Readonly<{
  name: string
  /** 2: SERVER, 3: CLIENT (OTLP's own numbers). */
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  /** 2: error. */
  status: number
  attributes: Readonly<Record<string, unknown>>
}>

/** An OTLP/HTTP collector: it reads the JSON that exporters send. */
export type Receiver = Readonly<{
  url: string
  spans: readonly ReceivedSpan[]
  /** Attributes of the resource, as they came last. */
  resource(): Readonly<Record<string, unknown>>
  /** Everything that came, heads included, as text. */
  wire(): string
  close(): Promise<void>
}>

type Value = Readonly<{
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: Readonly<{ values?: readonly Value[] }>
}>
type Attribute = Readonly<{ key: string; value: Value }>
type Message = Readonly<{
  resourceSpans: readonly Readonly<{
    resource: Readonly<{ attributes: readonly Attribute[] }>
    scopeSpans: readonly Readonly<{ spans: readonly RawSpan[] }>[]
  }>[]
}>
type RawSpan = Omit<ReceivedSpan, 'attributes' | 'status'> &
  Readonly<{ attributes: readonly Attribute[]; status?: Readonly<{ code?: number }> }>

export async function openReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = []
  let resource: Record<string, unknown> = {}
  let wire = ''
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    wire += JSON.stringify(request.headers) + text
    for (const group of (JSON.parse(text) as Message).resourceSpans) {
      resource = plain(group.resource.attributes)
      for (const { spans: raw } of group.scopeSpans)
        for (const span of raw)
          spans.push({ ...span, status: span.status?.code ?? 0, attributes: plain(span.attributes) })
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resource: () => resource,
    wire: () => wire,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue(value: Value): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue
}
