import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { openaiError } from '../../src/cli/demo/answers.ts'

/**
 * What an upstream does with a request, step by step. Bytes are written as they stand, each step in a write of its own. `fin` ends
 * the connection in good order, `reset` sends a RST, `hold` keeps it open and says nothing more until the client closes.
 * Without one of them at the end, the connection is kept alive.
 */
export type Step =
  | Readonly<{ write: string | Uint8Array }>
  | Readonly<{ waitMs: number }>
  | Readonly<{ until: Promise<unknown> }>
  | Ending
export type Ending = 'fin' | 'reset' | 'hold'
export type Script = readonly Step[]
export type Fields = Readonly<Record<string, string>>

/** `HTTP/1.1 200 ...` with header fields, ready to be followed by a body. */
export function head(status: number, fields: Fields): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Simulated\r\n${lines.join('')}\r\n`
}

/** A whole answer in one write. A body that is neither text nor bytes is written as JSON. */
export function whole(
  body: unknown,
  options: Readonly<{ status?: number; fields?: Fields; delayMs?: number; encoding?: 'gzip' | 'deflate' | 'br' }> = {},
): Script {
  const bytes = encoded(bytesOf(body), options.encoding)
  const fields = fieldsOf(options.fields, {
    'content-type': 'application/json',
    ...(options.encoding === undefined ? {} : { 'content-encoding': options.encoding }),
    'content-length': String(bytes.length),
  })
  const answer = { write: Buffer.concat([Buffer.from(head(options.status ?? 200, fields), 'latin1'), bytes]) }
  return options.delayMs === undefined ? [answer] : [{ waitMs: options.delayMs }, answer]
}

/**
 * A chunked answer, one chunk a write. `ending`: `done` writes the last chunk (a short list of chunks is then a clean early end: HTTP
 * is content, the dialect is not); `fin` and `reset` break off without it, `hold` stays silent.
 */
export function stream(
  chunks: readonly (string | Uint8Array)[],
  options: Readonly<{ status?: number; fields?: Fields; everyMs?: number; ending?: 'done' | Ending }> = {},
): Script {
  const fields = fieldsOf(options.fields, {
    'content-type': 'text/event-stream; charset=utf-8',
    'transfer-encoding': 'chunked',
  })
  const steps: Step[] = [{ write: head(options.status ?? 200, fields) }]
  for (const chunk of chunks) {
    if (options.everyMs !== undefined) steps.push({ waitMs: options.everyMs })
    const bytes = bytesOf(chunk)
    if (bytes.length > 0)
      steps.push({ write: Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]) })
  }
  const ending = options.ending ?? 'done'
  steps.push(ending === 'done' ? { write: '0\r\n\r\n' } : ending)
  return steps
}
const CRLF = Buffer.from('\r\n')

/** The provider's own error. */
export function failure(status: number, fields: Fields = {}): Script {
  return whole(openaiError(`The simulated provider fails with ${status}.`, 'server_error'), { status, fields })
}

/** 429 with Retry-After. */
export function tooMany(retryAfterSeconds: number): Script {
  const body = openaiError('Rate limit reached for requests', 'requests', 'rate_limit_exceeded')
  return whole(body, { status: 429, fields: { 'retry-after': String(retryAfterSeconds) } })
}

/** A redirect, to be refused. */
export function redirect(location: string, status = 307): Script {
  return whole('', { status, fields: { location } })
}

/** Ends the connection before a byte of an answer. */
export const hangUp: Script = ['fin']
/** Resets the connection before a byte of an answer. */
export const reset: Script = ['reset']
/** Never answers. */
export const silence: Script = ['hold']

/** A whole answer that arrives a few bytes at a time. */
export function drip(body: unknown, everyMs: number, size = 1): Script {
  const bytes = bytesOf(body)
  const fields = { 'content-type': 'application/json', 'content-length': String(bytes.length) }
  return [{ write: head(200, fields) }, ...split(bytes, size).flatMap((part) => [{ waitMs: everyMs }, { write: part }])]
}

/** Promises more than it sends, then ends the connection. */
export function shortBody(body: unknown, missing = 1, ending: Ending = 'fin'): Script {
  const bytes = bytesOf(body)
  const fields = { 'content-type': 'application/json', 'content-length': String(bytes.length + missing) }
  return [{ write: head(200, fields) }, { write: bytes }, ending]
}

/** Cuts bytes into parts of `size`, the last one perhaps shorter. */
export function split(bytes: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size))
  return parts
}

/**
 * Runs a script on a socket, for the recorder. `gone` settles when the socket has closed. `below` is the TCP socket that TLS
 * runs over: TLS has no reset of its own.
 */
export async function play(
  script: Script,
  socket: Socket,
  gone: Promise<unknown>,
  below: Socket = socket,
): Promise<'answered' | 'client_gone'> {
  for (const step of script) {
    if (socket.destroyed) return 'client_gone'
    if (step === 'fin') socket.end()
    else if (step === 'reset') below.resetAndDestroy()
    else if (step === 'hold') await gone
    else if ('waitMs' in step) await Promise.race([sleep(step.waitMs), gone])
    else if ('until' in step) await Promise.race([step.until, gone])
    else if (!socket.write(bytesOf(step.write))) {
      await Promise.race([new Promise<void>((resolve) => socket.once('drain', resolve)), gone])
    }
    if (step === 'hold') return 'client_gone'
  }
  return 'answered'
}

/** The given fields, and of the usual ones those that were not given, whatever their case. */
function fieldsOf(given: Fields = {}, usual: Fields): Fields {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()))
  return { ...Object.fromEntries(Object.entries(usual).filter(([name]) => !names.has(name))), ...given }
}

function bytesOf(body: unknown): Buffer {
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return Buffer.from(JSON.stringify(body), 'utf8')
}

function encoded(bytes: Buffer, encoding: 'gzip' | 'deflate' | 'br' | undefined): Buffer {
  if (encoding === 'gzip') return gzipSync(bytes)
  if (encoding === 'deflate') return deflateSync(bytes)
  return encoding === 'br' ? brotliCompressSync(bytes) : bytes
}
