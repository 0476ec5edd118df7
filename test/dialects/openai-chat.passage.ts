import type { ModelCall, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Codec } from '../../src/core/port.ts'
import { inbound, TARGET } from './calls.ts'

/** One call through a codec, from an SDK's fetch to a provider's answer and back: what the gateway does, without judging. */

export const ID = '0197f2d0-0000-7000-8000-000000000001'

export type Said = Readonly<{ status?: number; type?: string; body: string }>
export type Passed = Readonly<{ path: string; query: string; headers: Headers; call: ModelCall | null; sent: unknown }>

export type PassageOptions = Readonly<{
  codec: Codec
  prefix: string
  kind?: Target['kind']
  /** What the provider answers. */
  said: Said
  /** Refuses every call. */
  denied?: CustomhouseError
  /** Cuts the stream off after so many events. */
  cut?: Readonly<{ after: number; error: CustomhouseError }>
}>

export function passage(options: PassageOptions): { fetch: typeof fetch; passed: Passed[] } {
  const passed: Passed[] = []
  const take = async (request: Request): Promise<Response> => {
    const { codec, prefix, kind = 'openai', said, denied, cut } = options
    const { pathname, search } = new URL(request.url)
    const path = pathname.slice(prefix.length)
    const query = search.slice(1)
    const head = { path, query, headers: request.headers }
    try {
      if (!pathname.startsWith(prefix) || !codec.matches(request.method, path)) {
        throw new CustomhouseError('ERR_CALL_UNKNOWN_ROUTE', 'no such route')
      }
      const body = new Uint8Array(await request.arrayBuffer())
      const headers = Object.fromEntries(request.headers)
      const call = codec.read({ ...inbound({}), id: ID, method: request.method, path, query, headers, body })
      const message = codec.write(call, { ...TARGET, kind }, [], [])
      passed.push({ ...head, call, sent: JSON.parse(Buffer.from(message.body).toString()) })
      if (denied !== undefined) throw denied
      const status = said.status ?? 200
      const decoder = codec.decode(call, status, { 'content-type': said.type ?? 'application/json' })
      const encoder = codec.encode(call)
      const events = [...decoder.push(Buffer.from(said.body)), ...decoder.end()]
      const written = events.slice(0, cut?.after).map((event) => encoder.event(event, undefined))
      const end =
        cut === undefined
          ? events.some(({ kind }) => kind === 'fault')
            ? new Uint8Array(0)
            : encoder.end()
          : encoder.cutOff(cut.error)
      return new Response(Uint8Array.from(Buffer.concat([...written, end])), {
        status,
        headers: { 'content-type': encoder.contentType, [codec.idHeaders[0] ?? '']: ID },
      })
    } catch (error) {
      if (!(error instanceof CustomhouseError)) throw error
      if (passed.length === 0) passed.push({ ...head, call: null, sent: null })
      const { status, headers, body } = codec.refuse(ID, error)
      return new Response(Uint8Array.from(body), { status, headers })
    }
  }
  return { passed, fetch: (input, init) => take(new Request(input, init)) }
}
