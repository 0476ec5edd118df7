import { inspect } from 'node:util'
import { afterEach, expect } from 'vitest'
import type { Dispatch } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Answer, Provider } from '../../src/core/port.ts'
import { redacted } from '../../src/pipeline/redacted.ts'
import type { ProviderOptions } from '../../src/providers/adapter.ts'
import { createOpenAI } from '../../src/providers/openai.ts'
import {
  openaiAnswer,
  openaiStream,
  type Recorder,
  type RecorderOptions,
  type Script,
  startRecorder,
} from '../kit/index.ts'

export const SECRET = 'sk-very-secret-1234'
export const BODY = Buffer.from('{"model":"gpt-5-mini","messages":[{"role":"user","content":"Grüezi"}]}')
export const TEXT = openaiAnswer({ texts: ['Guten Tag'] })
export const EVENTS = openaiStream({ texts: ['a b c d e f g h'] }, { includeUsage: true })

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Closes with the test, last opened first. */
export function closing(close: () => Promise<unknown>): void {
  closers.push(close)
}

/** A recorder that lives as long as the test. */
export async function upstream(
  answer: Script | RecorderOptions['answer'],
  tls?: RecorderOptions['tls'],
): Promise<Recorder> {
  const recorder = await startRecorder({
    answer: typeof answer === 'function' ? answer : () => answer,
    ...(tls === undefined ? {} : { tls }),
  })
  closers.push(() => recorder.close())
  return recorder
}

/** A provider at `url`, and its `open` with a dispatch that is well-formed but for `changes`. */
export function provider(
  url: string,
  options: Partial<ProviderOptions> = {},
): Readonly<{ made: Provider; open: (signal?: AbortSignal, changes?: Partial<Dispatch>) => Promise<Answer> }> {
  const made = createOpenAI({
    name: 'openai-eu',
    baseUrl: `${url}/v1/`,
    credential: () => SECRET,
    timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 },
    maxSockets: 8,
    ...options,
  })
  closers.push(() => made.close())
  const open = (signal = new AbortController().signal, changes: Partial<Dispatch> = {}): Promise<Answer> =>
    made.open({ ...dispatch(url), ...changes }, signal)
  return { made, open }
}

export function dispatch(url: string): Dispatch {
  const residency = { endpoint: ['CH'], processing: ['CH'], storage: [] }
  return {
    call: '0190-call',
    tenant: 'claims',
    target: {
      id: 'openai-eu/m',
      provider: 'openai-eu',
      model: 'm',
      kind: 'openai',
      dialects: ['openai.chat'],
      residency,
      contract: [],
      tenants: null,
    },
    method: 'POST',
    url: `${url}/v1/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: redacted(BODY),
    residency,
    reservation: null,
    digest: '',
  }
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** How an exchange ended: `fine`, or the code of the error and where it was raised. */
export async function ending(open: () => Promise<Answer>, read: 'whole' | 'iterator'): Promise<string> {
  let where = 'open'
  try {
    const answer = await open()
    where = 'body'
    await (read === 'whole' ? answer.body.whole(1 << 20) : collect(answer.body))
    return 'fine'
  } catch (error) {
    if (!(error instanceof CustomhouseError)) throw error
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
    expect(error.cause).toBeUndefined()
    return `${where} ${error.code}`
  }
}
