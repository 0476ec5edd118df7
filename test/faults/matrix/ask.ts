import { type Column, callOf, modelOf, type Route } from './columns.ts'
import { type Heard, saidIn } from './native.ts'

export type Asking = Readonly<{
  /** Settles when some of the answer's text is there, or no more will be. */
  began: Promise<void>
  heard: Promise<Heard>
  hangUp(): void
}>

export type Asked = Readonly<{
  origin: string
  /** Null sends none. */
  key: string | null
  route?: Route
  /** In place of the model of the route. */
  model?: string
  case?: string
  send?: typeof fetch
  /** What becomes of a good call's address and body. */
  path?: (path: string) => string
  body?: (body: string) => string
  /** The last byte of the body is sent when it settles. */
  until?: Promise<unknown>
}>

/** One call, on its own connection's or stream's terms. Never rejects. */
export function ask(column: Column, asked: Asked): Asking {
  const { path, body } = callOf(column, asked.model ?? modelOf(column.door, asked.route ?? 'alone'))
  const controller = new AbortController()
  const began = Promise.withResolvers<void>()
  const text = (asked.body ?? same)(body)
  const { until } = asked
  const init = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...column.door.headers,
      ...(asked.key === null ? {} : { authorization: `Bearer ${asked.key}` }),
      ...(asked.case === undefined ? {} : { 'x-customhouse-meta-case': asked.case }),
    },
    signal: controller.signal,
    ...(until === undefined ? { body: text } : { body: slowly(text, until), duplex: 'half' as const }),
  }
  const read = async (): Promise<Heard> => {
    let status: number | null = null
    let headers = new Headers()
    const chunks: Uint8Array[] = []
    let broken = false
    try {
      const answer = await (asked.send ?? fetch)(asked.origin + (asked.path ?? same)(path), init)
      status = answer.status
      headers = answer.headers
      for await (const chunk of answer.body ?? []) {
        chunks.push(chunk)
        if (column.streamed && status === 200 && saidIn(column, Buffer.concat(chunks)) !== '') began.resolve()
      }
    } catch {
      // What it was is no matter: the transport broke, and `broken` says so.
      broken = true
    }
    began.resolve()
    return { status, headers, body: Buffer.concat(chunks), broken, call: headers.get('x-customhouse-call') ?? '' }
  }
  return { began: began.promise, heard: read(), hangUp: () => controller.abort() }
}

const same = (text: string): string => text

function slowly(text: string, until: Promise<unknown>): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text)
  return new ReadableStream({
    start: async (controller) => {
      controller.enqueue(bytes.subarray(0, -1))
      await until
      controller.enqueue(bytes.subarray(-1))
      controller.close()
    },
  })
}
