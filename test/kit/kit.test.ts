import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import {
  drip,
  failure,
  hangUp,
  openaiAnswer,
  openaiStream,
  type Recorder,
  RequestReader,
  recordings,
  replay,
  reset,
  type Script,
  selfSigned,
  shortBody,
  startRecorder,
  startSimulator,
  stream,
  tooMany,
  whole,
} from './index.ts'

let recorder: Recorder | undefined
afterEach(async () => {
  await recorder?.close()
  recorder = undefined
})

async function serving(script: Script): Promise<Recorder> {
  recorder = await startRecorder({ answer: () => script })
  return recorder
}

const SPEECH = {
  texts: ['Guten Tag, wie geht es?', 'Second  choice'],
  region: 'eu',
  tools: [{ id: 'call_1', name: 'lookup', arguments: '{"city": "Bern"}' }],
  usage: { input: 7, output: 9 },
} as const

function sdk(origin: string): OpenAI {
  return new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-test', maxRetries: 0 })
}
const CALL: { model: string; messages: { role: 'user'; content: string }[] } = {
  model: 'gpt-5-mini',
  messages: [{ role: 'user', content: 'hello' }],
}

describe('the recorder', () => {
  it('keeps the exact bytes of each request, however they are cut', async () => {
    const { port, waitFor, requests } = await serving(whole({ ok: true }))
    const wire = Buffer.from(
      'POST /v1/x HTTP/1.1\r\nHost: a\r\nX-Odd:  two  spaces \r\ncontent-length: 3\r\n\r\n\x00\xff!',
      'latin1',
    )
    const socket = connect(port, '127.0.0.1')
    for (const byte of Buffer.concat([wire, wire])) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    await waitFor(2)
    socket.destroy()
    expect(requests.map((request) => request.wire)).toEqual([wire, wire])
    expect(requests[0]?.headers).toEqual([
      ['Host', 'a'],
      ['X-Odd', 'two  spaces'],
      ['content-length', '3'],
    ])
    expect(requests[0]?.body).toEqual(Buffer.from('\x00\xff!', 'latin1'))
    expect(requests.map((request) => request.connection)).toEqual([0, 0])
  })

  it('reads chunked bodies and keeps the framing in `wire`', () => {
    const wire = Buffer.from('POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n')
    const [request] = new RequestReader().push(wire)
    expect(request?.body.toString()).toBe('abcd')
    expect(request?.wire).toEqual(wire)
  })

  it.each([
    ['two content-lengths', 'POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx'],
    ['length and coding', 'POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded header', 'POST / HTTP/1.1\r\na: b\r\n c\r\n\r\n'],
    ['HTTP/1.0', 'POST / HTTP/1.0\r\n\r\n'],
  ])('refuses to repair %s', (_, wire) => {
    expect(() => new RequestReader().push(Buffer.from(wire))).toThrow(/not|two/)
  })

  it('rejects a wait for what never comes', async () => {
    const { waitFor } = await serving(whole({}))
    await expect(waitFor(1, 20)).rejects.toThrow('0 of 1')
  })
})

describe('answers, read by the OpenAI SDK', () => {
  it('whole: texts, tools and usage', async () => {
    const { url } = await serving(whole(openaiAnswer(SPEECH)))
    const answer = await sdk(url).chat.completions.create(CALL)
    expect(answer.choices.map((choice) => choice.message.content)).toEqual([
      '[eu] Guten Tag, wie geht es?',
      '[eu] Second  choice',
    ])
    expect(answer.choices[0]?.message.tool_calls).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'lookup', arguments: '{"city": "Bern"}' } },
    ])
    expect(answer.usage?.total_tokens).toBe(16)
  })

  it('streamed: the pieces joined are the whole', async () => {
    const { url } = await serving(stream(openaiStream(SPEECH, { includeUsage: true, obfuscation: 'x1' })))
    const texts = ['', '']
    let args = ''
    let total: number | undefined
    const finishes: (string | null | undefined)[] = []
    for await (const chunk of await sdk(url).chat.completions.create({ ...CALL, stream: true })) {
      for (const choice of chunk.choices) {
        texts[choice.index] += choice.delta.content ?? ''
        if (choice.index === 0) args += choice.delta.tool_calls?.[0]?.function?.arguments ?? ''
        if (choice.finish_reason !== null) finishes.push(choice.finish_reason)
      }
      total = chunk.usage?.total_tokens ?? total
    }
    expect(texts).toEqual(['[eu] Guten Tag, wie geht es?', '[eu] Second  choice'])
    expect(args).toBe('{"city": "Bern"}')
    expect(finishes).toEqual(['tool_calls', 'tool_calls'])
    expect(total).toBe(16)
  })

  it.each<[string, Script, RegExp]>([
    ['500', failure(500), /500/],
    ['429', tooMany(3), /429/],
    ['a hang-up', hangUp, /Connection error/],
    ['a short body', shortBody(openaiAnswer({ texts: ['x'] }), 5), /./],
    [
      'a reset in mid-stream',
      stream(openaiStream({ texts: ['a b c'] }).slice(0, 2), { ending: 'reset' }),
      /terminated/,
    ],
  ])('%s raises in the SDK', async (_, script, message) => {
    const { url } = await serving(script)
    const reading = async (): Promise<void> => {
      const answer = await sdk(url).chat.completions.create({ ...CALL, stream: true })
      for await (const chunk of answer) expect(chunk).toBeDefined()
    }
    const reason = await reading().then(
      () => 'no error',
      (error: Error) => error.message,
    )
    expect(reason).toMatch(message)
    expect(reason).not.toBe('no error')
  })

  it.each([['before an answer', reset] as const, ['in mid-stream', stream(['a'], { ending: 'reset' })] as const])(
    'resets TLS from below, %s',
    async (_, script) => {
      const { key, cert } = selfSigned()
      recorder = await startRecorder({ tls: { key, cert }, answer: () => script })
      const socket = connectTls({ port: recorder.port, host: '127.0.0.1', servername: 'localhost', ca: cert })
      const ended = new Promise<unknown>((resolve) => socket.once('error', resolve))
      socket.resume().write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
      expect(await ended).toMatchObject({ code: 'ECONNRESET' })
      expect(recorder.requests).toHaveLength(1)
    },
  )

  it('drips', async () => {
    const { url } = await serving(drip({ a: 1 }, 1))
    expect(await (await fetch(url)).json()).toEqual({ a: 1 })
  })
})

describe('the replayer', () => {
  const kept = recordings('openai/openai-chat')
  it.skipIf(kept === null)('gives recorded answers again, byte for byte (needs CUSTOMHOUSE_FIXTURES)', async () => {
    for (const recording of kept ?? []) {
      for (const size of [undefined, 7]) {
        const { url, close } = await startRecorder({
          answer: () => replay(recording, size === undefined ? {} : { size }),
        })
        const answer = await fetch(url, { method: 'POST', body: '{}' })
        expect(answer.status).toBe(recording.response.status)
        expect(Buffer.from(await answer.arrayBuffer()).equals(recording.response.bytes)).toBe(true)
        await close()
      }
    }
    expect(kept?.length).toBeGreaterThan(10)
  })
})

describe('the simulator', () => {
  it('speaks, streams, fails as told, and keeps the bytes', async () => {
    const simulator = await startSimulator({ region: 'eu' })
    const client = new OpenAI({ baseURL: simulator.baseUrl, apiKey: 'sk-test', maxRetries: 0 })
    try {
      const answer = await client.chat.completions.create(CALL)
      expect(answer.choices[0]?.message.content).toBe('[eu] You said: hello')

      let text = ''
      for await (const chunk of await client.chat.completions.create({ ...CALL, stream: true })) {
        text += chunk.choices[0]?.delta.content ?? ''
      }
      expect(text).toBe('[eu] You said: hello')
      expect(JSON.parse(simulator.received[0]?.body.toString() ?? '')).toEqual(CALL)

      simulator.behave(() => ({ kind: 'fail', status: 429, retryAfterSeconds: 2 }))
      await expect(client.chat.completions.create(CALL)).rejects.toMatchObject({ status: 429 })
      for (const kind of ['hang_up', 'cut_off'] as const) {
        simulator.behave(() => ({ kind }))
        await expect(client.chat.completions.create(CALL)).rejects.toThrow()
      }
      simulator.behave(undefined)
      expect((await client.chat.completions.create(CALL)).choices).toHaveLength(1)
    } finally {
      await simulator.close()
    }
  })
})
