import { MistralError } from '@mistralai/mistralai/models/errors'
import { describe, expect, it } from 'vitest'
import { CustomhouseError, type ErrorCode } from '../../src/core/errors.ts'
import { mistralChat } from '../../src/dialects/mistral-chat/index.ts'
import { chunk, sse } from './calls.ts'
import { answer, end, piece, question, SSE, start, streamed, USAGE } from './mistral-client.ts'
import { ID, type PassageOptions, passage } from './openai-chat.passage.ts'

describe('the client of Mistral', () => {
  it('whole', async () => {
    const { chat, passed } = start({ kind: 'mistral', said: { body: answer({ content: 'Hello' }) } })
    const got = await chat.complete(question)
    expect(got.choices[0]?.message?.content).toBe('Hello')
    expect(passed[0]).toMatchObject({ path: '/v1/chat/completions', call: { dialect: 'openai.chat', model: 'auto' } })
    expect(passed[0]?.sent).toEqual({ ...question, model: 'model-1', stream: false })
  })

  it.each<[string, PassageOptions['kind'], readonly unknown[]]>([
    [
      "Mistral's stream",
      'mistral',
      [
        chunk({ role: 'assistant', content: '' }),
        chunk({ content: 'Hel' }),
        chunk({ content: 'lo' }),
        { ...chunk({ content: '' }, { finish_reason: 'stop' }), usage: USAGE, p: 'abc' },
      ],
    ],
    [
      "OpenAI's stream, whose usage comes in a chunk of its own and is null before",
      'openai',
      [
        { ...chunk({ role: 'assistant', content: '', refusal: null }), usage: null, obfuscation: 'x' },
        { ...chunk({ content: 'Hel' }), usage: null },
        { ...chunk({ content: 'lo' }), usage: null },
        { ...end, usage: null },
        { ...chunk({}), choices: [], usage: USAGE },
      ],
    ],
    [
      "Azure's stream, which begins without a choice",
      'azure',
      [
        { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [] },
        chunk({ content: 'Hel' }),
        chunk({ content: 'lo' }),
        end,
        { ...chunk({}), choices: [], usage: USAGE },
      ],
    ],
  ])('%s', async (_, kind, chunks) => {
    const got = await streamed({
      ...(kind === undefined ? {} : { kind }),
      said: { type: SSE, body: sse(...chunks, '[DONE]') },
    })
    expect(got).toMatchObject({ content: 'Hello', reasons: ['stop'], usage: [{ promptTokens: 1, totalTokens: 3 }] })
    expect(got.chunks.at(-1)?.usage).toBeDefined()
    for (const { choices } of got.chunks) expect(choices.length).toBeGreaterThan(0)
  })

  it('tools, whose pieces come together: two calls, side by side', async () => {
    const chunks = [
      chunk({ role: 'assistant', content: null }),
      chunk({ tool_calls: [piece({ id: 'call_a', type: 'function', function: { name: 'first', arguments: '' } })] }),
      chunk({ tool_calls: [piece({ function: { arguments: '{"a"' } })] }),
      chunk({
        tool_calls: [piece({ id: 'call_b', type: 'function', function: { name: 'second', arguments: '{}' } }, 1)],
      }),
      chunk({ tool_calls: [piece({ function: { arguments: ':1}' } })] }),
      chunk({}, { finish_reason: 'tool_calls' }),
      { ...chunk({}), choices: [], usage: USAGE },
    ]
    const got = await streamed({ said: { type: SSE, body: sse(...chunks, '[DONE]') } })
    expect(got.calls).toEqual([
      { id: 'call_a', type: 'function', index: 0, function: { name: 'first', arguments: '{"a":1}' } },
      { id: 'call_b', type: 'function', index: 1, function: { name: 'second', arguments: '{}' } },
    ])
    expect(got).toMatchObject({ reasons: ['tool_calls'], usage: [{ totalTokens: 3 }] })
  })

  it('only what is text goes together: all else stays as it first came', async () => {
    const called = (given: string) => ({
      name: '',
      type: 'one',
      id: 'i',
      format: 'json',
      note: given,
      deep: { a: given },
      arguments: given,
    })
    const chunks = [
      chunk({ tool_calls: [piece({ id: 'c', type: 'function', function: { ...called('ab'), name: 'f' } })] }),
      chunk({ tool_calls: [piece({ id: 'c', type: 'function', function: called('cd') })] }),
      chunk({}, { finish_reason: 'tool_calls' }),
    ]
    const { fetch } = passage({
      codec: mistralChat,
      prefix: '/mistral',
      said: { type: SSE, body: sse(...chunks, '[DONE]') },
    })
    const body = JSON.stringify({ ...question, stream: true })
    const headers = { 'content-type': 'application/json' }
    const got = await fetch('http://gateway.invalid/mistral/v1/chat/completions', { method: 'POST', body, headers })
    const lines = (await got.text()).split('\n').filter((line) => line.startsWith('data: {'))
    expect(JSON.parse(lines.at(-1)?.slice(6) ?? '')).toMatchObject({
      choices: [
        {
          delta: {
            tool_calls: [
              { index: 0, id: 'c', type: 'function', function: { ...called('ab'), name: 'f', arguments: 'abcd' } },
            ],
          },
        },
      ],
    })
  })

  it('a call of a choice that never finishes is not lost', async () => {
    const call = { tool_calls: [piece({ id: 'c', function: { name: 'f', arguments: '{}' } })] }
    const other = { ...chunk({}), choices: [{ index: 1, delta: { content: 'x' }, finish_reason: 'stop' }] }
    const got = await streamed({ said: { type: SSE, body: sse(chunk(call), other, '[DONE]') } }, 2)
    expect(got.calls).toMatchObject([{ id: 'c', function: { name: 'f', arguments: '{}' } }])
  })

  it('content in chunks', async () => {
    const thinking = [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }]
    const { chat } = start({ said: { body: answer({ content: [...thinking, { type: 'text', text: '4' }] }) } })
    expect((await chat.complete(question)).choices[0]?.message?.content).toMatchObject([
      { type: 'thinking', thinking: [{ text: 'hm' }] },
      { type: 'text', text: '4' },
    ])
    const got = await streamed({
      said: { type: SSE, body: sse(chunk({ content: thinking }), chunk({ content: '4' }), end, '[DONE]') },
    })
    expect(got.content).toBe('4')
    expect(got.chunks[0]?.choices[0]?.delta.content).toMatchObject(thinking)
  })

  it('denied: 403, asked once, in its shape', async () => {
    const denied = new CustomhouseError('ERR_POLICY_DENIED', 'not from here')
    const { chat, passed } = start({ denied, said: { body: '' } })
    const raised = await chat.complete(question).catch((error: unknown) => error)
    if (!(raised instanceof MistralError)) throw new Error('nothing of the SDK was raised')
    expect(raised.statusCode).toBe(403)
    expect(JSON.parse(raised.body)).toEqual({
      object: 'error',
      message: 'not from here',
      type: 'policy_denied',
      param: null,
      code: 'policy_denied',
    })
    expect(raised.headers.get('mistral-correlation-id')).toBe(ID)
    expect(passed).toHaveLength(1)
  })

  it.each<[number, ErrorCode]>([
    [401, 'ERR_IDENTITY_INVALID'],
    [404, 'ERR_CALL_UNKNOWN_MODEL'],
    [429, 'ERR_QUOTA_EXHAUSTED'],
    [503, 'ERR_LEDGER_UNAVAILABLE'],
  ])('refused with %i', async (status, code) => {
    const denied = new CustomhouseError(code, 'm')
    const { chat, passed } = start({ denied, said: { body: '' } })
    await expect(chat.complete(question)).rejects.toMatchObject({ statusCode: status })
    expect(passed).toHaveLength(1)
  })

  it('cut off: the stream ends with the finish reason error, and says why beside it', async () => {
    const cut = { after: 2, error: new CustomhouseError('ERR_POLICY_DENIED', 'no further') }
    const body = sse(chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({ content: '!' }), end, '[DONE]')
    expect(await streamed({ cut, said: { type: SSE, body } })).toMatchObject({ content: 'Hello', reasons: ['error'] })
    const { fetch } = passage({ codec: mistralChat, prefix: '', cut, said: { type: SSE, body } })
    const written = await fetch('http://g.invalid/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...question, stream: true }),
    })
    const text = await written.text()
    expect(text).not.toContain('[DONE]')
    const last: unknown = JSON.parse(text.trim().split('\n').at(-1)?.slice(6) ?? '')
    expect(last).toMatchObject({
      id: 'c1',
      model: 'model-1',
      choices: [{ index: 0, finish_reason: 'error' }],
      error: { type: 'policy_denied', code: 'policy_denied', message: 'no further' },
    })
  })

  it('cut off behind a finish, or before anything was said: error all the same', async () => {
    const error = new CustomhouseError('ERR_POLICY_DENIED', 'no further')
    const body = sse(
      chunk({ content: 'x' }),
      { ...end, usage: null },
      { ...chunk({}), choices: [], usage: USAGE },
      '[DONE]',
    )
    for (const after of [0, 2]) {
      expect((await streamed({ cut: { after, error }, said: { type: SSE, body } })).reasons).toEqual(['error'])
    }
  })

  it.each<[string, number, unknown, unknown]>([
    [
      'its own',
      400,
      { object: 'error', message: 'no', type: 'invalid_model', param: null, code: '1500' },
      { message: 'no', type: 'invalid_model', code: '1500' },
    ],
    [
      'of OpenAI',
      404,
      { error: { message: 'no', type: 't', param: null, code: 'c' } },
      { message: 'no', type: 't', code: 'c' },
    ],
    ['in words', 500, { error: 'no' }, { message: 'no' }],
  ])("an error of the provider's: %s", async (_, status, said, expected) => {
    const { chat } = start({ said: { status, body: JSON.stringify(said) } })
    const raised = await chat.complete(question).catch((error: unknown) => error)
    if (!(raised instanceof MistralError)) throw new Error('nothing of the SDK was raised')
    expect(raised.statusCode).toBe(status)
    expect(JSON.parse(raised.body)).toMatchObject({ object: 'error', ...Object(expected) })
  })

  it("an error of the provider's within a stream", async () => {
    const said = { object: 'error', message: 'no', type: 't', code: '1' }
    const got = await streamed({ said: { type: SSE, body: sse(chunk({ content: 'x' }), said) } })
    expect(got).toMatchObject({ content: 'x', reasons: ['error'] })
  })

  it('edited text is what its stream holds', async () => {
    const call = mistralChat.read({
      id: ID,
      method: 'POST',
      path: '/v1/chat/completions',
      query: '',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ ...question, stream: true })),
      principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
    })
    const decoder = mistralChat.decode(call, 200, { 'content-type': SSE })
    const given = {
      tool_calls: [piece({ id: 'c', type: 'function', function: { name: 'f', arguments: '{"to":"Jane"}' } })],
    }
    const events = decoder.push(Buffer.from(sse({ ...chunk(given), p: 'abcd' }, end)))
    const encoder = mistralChat.encode(call)
    const written = events.map((event) =>
      encoder.event(
        event,
        event.parts.map(({ text }) => text.replace('Jane', 'X')),
      ),
    )
    const text = Buffer.concat([...written, encoder.end()]).toString()
    expect(text).toContain('{\\"to\\":\\"X\\"}')
    expect(text).not.toMatch(/Jane|abcd/)
  })
})
