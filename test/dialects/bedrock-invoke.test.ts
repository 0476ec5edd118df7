import { describe, expect, it } from 'vitest'
import type { ModelCall } from '../../src/core/call.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { body, call, inbound, JSON_TYPE, STREAM_PATH, streamCall, TARGET, WHOLE_PATH } from './bedrock-invoke-calls.ts'
import { sdk } from './bedrock-invoke-clients.ts'

const INTERNAL = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })

const read = (given: unknown, path?: string, headers?: Readonly<Record<string, string>>): ModelCall =>
  bedrockInvoke.read(inbound(given, path, headers))
const of = (code: string, where: string) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(`^${where.replaceAll(/[/*]/g, '\\$&')}: .+`)),
  })

describe('routes and models', () => {
  it.each<[string, string, boolean]>([
    ['POST', WHOLE_PATH, true],
    ['POST', STREAM_PATH, true],
    ['GET', WHOLE_PATH, false],
    ['POST', '/model/auto/converse', false],
    ['POST', '/model/auto/invoke/', false],
    ['POST', '/model/invoke', false],
    ['POST', '/model/auto/invoke-with-bidirectional-stream', false],
  ])('%s %s: %j', (method, path, ours) => {
    expect(bedrockInvoke.matches(method, path)).toBe(ours)
  })

  it.each([
    ['anthropic.claude-v1:0', 'anthropic.claude-v1:0'],
    ['anthropic.claude-v1%3A0', 'anthropic.claude-v1:0'],
    [
      'arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Feu.x',
      'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x',
    ],
    ['arn%3Aaws%3Abedrock%3A%3A%3Afoundation-model/x', 'arn:aws:bedrock:::foundation-model/x'],
  ])('%s is %s, whole and streamed', (id, model) => {
    expect(read(body(), `/model/${id}/invoke`)).toMatchObject({ model, stream: false, dialect: 'bedrock.invoke' })
    expect(read(body(), `/model/${id}/invoke-with-response-stream`)).toMatchObject({ model, stream: true })
  })

  it.each(['%252e', '..', 'a%2F..%2Fb', 'a//b', 'a%00', '%', 'a%2', 'a%2F', '%2Fa'])('%s is no model', (id) => {
    expect(() => read(body(), `/model/${id}/invoke`)).toThrow(of('ERR_CALL_MALFORMED', 'the path'))
  })
})

describe('calls', () => {
  it('name the prompt that stands in place of a model', () => {
    const path = `/model/${encodeURIComponent('arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1')}/invoke`
    expect(read(body({ container: 'c' }), path).references).toEqual([
      { kind: 'prompt', where: 'stored', pointer: '' },
      { kind: 'container', where: 'stored', pointer: '/container' },
    ])
  })

  it.each<[string, unknown, string, string]>([
    ['no version: another family', { inputText: 'x' }, 'ERR_CALL_UNSUPPORTED', '/anthropic_version'],
    [
      'an unknown version',
      body({ anthropic_version: 'bedrock-2099-01-01' }),
      'ERR_CALL_UNSUPPORTED',
      '/anthropic_version',
    ],
    ['a version in numbers', body({ anthropic_version: 1 }), 'ERR_CALL_MALFORMED', '/anthropic_version'],
    ['a model in the body', body({ model: 'x' }), 'ERR_CALL_UNSUPPORTED', '/model'],
    ['a stream in the body', body({ stream: true }), 'ERR_CALL_UNSUPPORTED', '/stream'],
    ['an unknown beta', body({ anthropic_beta: ['x-2027-01-01'] }), 'ERR_CALL_UNSUPPORTED', '/anthropic_beta'],
    ['betas in words', body({ anthropic_beta: 'skills-2025-10-02' }), 'ERR_CALL_MALFORMED', '/anthropic_beta'],
    ['a beta in numbers', body({ anthropic_beta: [1] }), 'ERR_CALL_MALFORMED', '/anthropic_beta/0'],
    ['a profile', body({ user_profile_id: 'u' }), 'ERR_CALL_UNSUPPORTED', '/user_profile_id'],
    ['an unknown member', body({ plugins: [] }), 'ERR_CALL_UNSUPPORTED', '/plugins'],
  ])('with %s are refused', (_, given, code, where) => {
    expect(() => read(given)).toThrow(of(code, where))
  })

  it('of another family are told where to go', () => {
    expect(() => read({ messages: [], inferenceConfig: {} })).toThrow(/Converse/)
  })

  it.each<[Readonly<Record<string, string>>, boolean]>([
    [{}, true],
    [{ 'content-type': 'application/octet-stream' }, true],
    [{ 'content-type': 'application/json', 'x-amzn-bedrock-accept': '*/*' }, true],
    [{ 'content-type': 'text/plain' }, false],
    [{ 'content-encoding': 'gzip' }, false],
    [{ 'x-amzn-bedrock-guardrailidentifier': 'g', 'x-amzn-bedrock-guardrailversion': '1' }, false],
    [{ 'x-amzn-bedrock-trace': 'ENABLED' }, false],
    [{ 'x-amzn-bedrock-accept': 'text/html' }, false],
  ])('with headers %j: %j', (headers, fine) => {
    const reading = () => read(body(), WHOLE_PATH, headers)
    if (fine) expect(reading().headers).toEqual({})
    else expect(reading).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_CALL_/) }))
  })

  it('with no query, and bytes that are JSON', () => {
    expect(() => bedrockInvoke.read({ ...inbound(body()), query: 'beta=true' })).toThrow(/query/)
    expect(() => read('{"a', WHOLE_PATH, {})).toThrow(expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }))
  })

  it('betas are a fact of the same name as with Anthropic', () => {
    expect(call({ anthropic_beta: ['skills-2025-10-02', 'files-api-2025-04-14'] }).headers).toEqual({
      'anthropic-beta': 'skills-2025-10-02,files-api-2025-04-14',
    })
  })

  it('are written to the path of the target, from the tree, with nothing of the client', () => {
    const of = call({ anthropic_beta: ['skills-2025-10-02'], temperature: 1 })
    const message = bedrockInvoke.write(of, TARGET, [], [])
    expect(message.path).toBe('/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke')
    expect(message.headers).toEqual({ 'content-type': 'application/json', accept: 'application/json' })
    expect(Buffer.from(message.body).toString()).toBe(
      JSON.stringify(body({ anthropic_beta: ['skills-2025-10-02'], temperature: 1 })),
    )
    const streamed = bedrockInvoke.write(streamCall, TARGET, [], [])
    expect(streamed.path).toBe('/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream')
    expect(streamed.headers.accept).toBe('application/vnd.amazon.eventstream')
    for (const pointer of ['/model', '/stream']) {
      expect(() => bedrockInvoke.write(of, TARGET, [], [{ pointer, value: 'x' }])).toThrow(INTERNAL)
    }
  })

  it('signed blocks are dropped or denied as with Anthropic', () => {
    const thought = { type: 'thinking', thinking: 'secret', signature: 's' }
    const talk = (...more: readonly unknown[]) =>
      call({
        messages: [
          { role: 'assistant', content: [thought, { type: 'text', text: 'a' }] },
          { role: 'user', content: 'b' },
          ...more,
        ],
      })
    const edits = [{ pointer: '/messages/0/content/0/thinking', start: 0, end: 6, text: '_' }]
    const later = talk({ role: 'assistant', content: 'c' }, { role: 'user', content: 'd' })
    expect(Buffer.from(bedrockInvoke.write(later, TARGET, edits, []).body).toString()).not.toMatch(/secret|thinking/)
    expect(() => bedrockInvoke.write(talk(), TARGET, edits, [])).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_DENIED' }),
    )
  })

  it('of the Anthropic client are read as they come', async () => {
    const seen: ModelCall[] = []
    const client = sdk(async (url, init) => {
      const { pathname } = new URL(url)
      const headers = Object.fromEntries(new Headers(init.headers))
      seen.push(bedrockInvoke.read(inbound(String(init.body), pathname.replace(/^\/bedrock/, ''), headers)))
      return new Response('{"type":"message","content":[],"usage":{}}', { headers: JSON_TYPE })
    })
    await client.messages.create({
      model: 'eu.anthropic.claude-x-v1:0',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
    })
    await client.beta.messages.create({
      model: 'auto',
      max_tokens: 1,
      betas: ['context-1m-2025-08-07'],
      messages: [{ role: 'user', content: 'x' }],
    })
    expect(seen.map(({ model, headers }) => [model, headers])).toEqual([
      ['eu.anthropic.claude-x-v1:0', {}],
      ['auto', { 'anthropic-beta': 'context-1m-2025-08-07' }],
    ])
  })
})
