import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Script, split, stream, whole } from './script.ts'

/** A recorded exchange with a real provider. */
export type Recording = Readonly<{
  /** Path below the fixtures' folder. */
  file: string
  request: Readonly<{ method: string; url: string; headers: Readonly<Record<string, string>>; body: unknown }>
  response: Readonly<{
    status: number
    headers: Readonly<Record<string, string>>
    framing: string
    /** The bytes of the answer. JSON bodies were re-serialised when they were recorded; event streams are as they came. */
    bytes: Buffer
  }>
}>

let told = false

/** Where the shared recordings are: CUSTOMHOUSE_FIXTURES, else `../shared/fixtures` beside the repository's root; null if neither exists. */
export function fixturesFolder(): string | null {
  const named = process.env.CUSTOMHOUSE_FIXTURES
  const folder = named ?? resolve(import.meta.dirname, '../../../shared/fixtures')
  if (existsSync(join(folder, 'index.json'))) return folder
  if (named !== undefined) throw new Error(`CUSTOMHOUSE_FIXTURES names ${named}, which holds no index.json`)
  // Beside a folder for them they were meant to be there: with CI=true nothing is skipped in silence.
  if (process.env.CI === 'true' && existsSync(dirname(folder)))
    throw new Error(`${dirname(folder)} is there, but holds no fixtures/index.json`)
  if (!told) console.log('skipped: no recordings here (CUSTOMHOUSE_FIXTURES names their folder)')
  told = true
  return null
}

/** All recordings of a folder (`openai/openai-chat`), or null where the fixtures are absent: skip the test and say so. */
export function recordings(under: string): readonly Recording[] | null {
  const root = fixturesFolder()
  if (root === null) return null
  const folder = join(root, under)
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => readRecording(folder, name, under) ?? [])
}

/** The script that gives a recording's answer again, byte for byte, in writes of `size` bytes (default: all in one). */
export function replay(recording: Recording, options: Readonly<{ size?: number; everyMs?: number }> = {}): Script {
  const { status, headers, framing, bytes } = recording.response
  const fields = {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !FRAMING.has(name.toLowerCase()))),
  }
  if (framing !== 'sse' && options.size === undefined) return whole(bytes, { status, fields })
  const chunks = split(bytes, options.size ?? Math.max(1, bytes.length))
  return stream(chunks, { status, fields, ...(options.everyMs === undefined ? {} : { everyMs: options.everyMs }) })
}
// Ours to write: the recorded values describe bytes that were decoded when they were kept.
const FRAMING = new Set(['content-length', 'transfer-encoding', 'content-encoding', 'connection', 'keep-alive'])

function readRecording(folder: string, name: string, under: string): Recording | null {
  const kept: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  if (!isObject(kept) || !isObject(kept.request) || !isObject(kept.response)) return null
  const { request, response } = kept
  if (typeof response.status !== 'number') return null
  return {
    file: join(under, name),
    request: {
      method: typeof request.method === 'string' ? request.method : 'POST',
      url: typeof request.url === 'string' ? request.url : '',
      headers: textFields(request.headers),
      body: request.body,
    },
    response: {
      status: response.status,
      headers: textFields(response.headers),
      framing: typeof response.framing === 'string' ? response.framing : 'json',
      bytes: answerBytes(response),
    },
  }
}

function answerBytes(response: Record<string, unknown>): Buffer {
  if (typeof response.bodyText === 'string') return Buffer.from(response.bodyText, 'utf8')
  if (typeof response.bodyBase64 === 'string') return Buffer.from(response.bodyBase64, 'base64')
  return Buffer.from(JSON.stringify(response.body), 'utf8')
}

function textFields(fields: unknown): Record<string, string> {
  if (!isObject(fields)) return {}
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
