import { describe, expect, it } from 'vitest'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { call, count, inbound, message, read } from './anthropic-calls.ts'

type Body = Readonly<Record<string, unknown>>
const body = (more: Body = {}): Body => ({ model: 'auto', max_tokens: 16, messages: [message], ...more })
const of = (code: string, where: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(`^${where.replaceAll('/', '\\/')}: .+`)) })

describe('routes', () => {
  it.each([
    ['POST', '/v1/messages', true, false],
    ['POST', '/v1/messages/count_tokens', false, true],
    ['GET', '/v1/messages', false, false],
    ['POST', '/v1/messages/', false, false],
    ['POST', '/v1/messages/batches', false, false],
    ['POST', '/v1/Messages', false, false],
    ['POST', '/v1/complete', false, false],
  ])('%s %s', (method, path, messages, counts) => {
    expect(anthropicMessages.matches(method, path)).toBe(messages)
    expect(anthropicCountTokens.matches(method, path)).toBe(counts)
  })

  it('only the query of older SDKs is taken', () => {
    expect(anthropicMessages.read(inbound(body(), {}, 'beta=true')).model).toBe('auto')
    for (const query of ['beta=false', 'beta=true&x=1', 'x', 'beta=true&beta=true']) {
      expect(() => anthropicMessages.read(inbound(body(), {}, query))).toThrow(
        of('ERR_CALL_UNSUPPORTED', 'the query string'),
      )
    }
  })
})

describe('what is malformed is said with its place', () => {
  it.each<[string, unknown, string]>([
    ['no object', [], 'the body'],
    ['no model', { messages: [message] }, '/model'],
    ['a model that is empty', body({ model: '' }), '/model'],
    ['no messages', { model: 'a' }, '/messages'],
    ['messages that are none', body({ messages: [] }), '/messages'],
    ['messages in an object', body({ messages: {} }), '/messages'],
    ['a message in words', body({ messages: ['hello'] }), '/messages/0'],
    ['a message without a role', body({ messages: [{ content: 'x' }] }), '/messages/0/role'],
    ['a stream in words', body({ stream: 'yes' }), '/stream'],
    ['max_tokens in words', body({ max_tokens: '1' }), '/max_tokens'],
    [
      'max_tokens with a point',
      '{"model":"a","max_tokens":1.0,"messages":[{"role":"user","content":"x"}]}',
      '/max_tokens',
    ],
    ['tools that are no list', body({ tools: {} }), '/tools'],
    ['a tool without a name', body({ tools: [{ input_schema: {} }] }), '/tools/0/name'],
    ['a tool of a type in prose', body({ tools: [{ type: 'two words' }] }), '/tools/0/type'],
    ['a server tool with a name in prose', body({ tools: [{ type: 'bash_20250124', name: 'a b' }] }), '/tools/0/name'],
    ['a place that is no word', body({ inference_geo: 1 }), '/inference_geo'],
  ])('%s', (_, given, where) => {
    expect(() => read(given)).toThrow(of('ERR_CALL_MALFORMED', where))
  })

  it('a name twice, and bad UTF-8', () => {
    expect(() => read('{"model":"a","model":"b","messages":[]}')).toThrow(
      expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }),
    )
    const bytes = Buffer.from([...Buffer.from('{"model":"'), 0xff, ...Buffer.from('"}')])
    expect(() => anthropicMessages.read({ ...inbound(''), body: bytes })).toThrow(
      expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }),
    )
  })
})

describe('what is not known is refused', () => {
  it.each<[string, Body, string]>([
    ['a member', body({ plugins: [] }), '/plugins'],
    ['a member whose name could be prose', body({ 'Jane Doe, 1970': 1 }), '/*'],
    ['a role', body({ messages: [{ role: 'developer', content: 'x' }] }), '/messages/0/role'],
    ['other models to fall back to', body({ fallbacks: [{ model: 'x' }] }), '/fallbacks'],
    ['the default fallbacks', body({ fallbacks: 'default' }), '/fallbacks'],
    ['who pays', body({ billing_policy: { type: 'billing_policy', bill_to: 'user_profile' } }), '/billing_policy'],
    ['a profile', body({ user_profile_id: 'u' }), '/user_profile_id'],
    ['a place elsewhere', body({ inference_geo: 'eu' }), '/inference_geo'],
    ['any place', body({ inference_geo: 'global' }), '/inference_geo'],
    ['a tier', body({ service_tier: 'priority' }), '/service_tier'],
    ['a speed', body({ speed: 'ludicrous' }), '/speed'],
    ['a speed with a price, without its beta', body({ speed: 'fast' }), '/speed'],
    [
      'a tool that asks another model',
      body({ tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'x' }] }),
      '/tools/0/model',
    ],
    [
      'the same, added in a message',
      body({
        messages: [
          {
            role: 'system',
            content: [
              {
                type: 'tool_addition',
                tool: {
                  type: 'tool_definition',
                  definition: { type: 'advisor_20260301', name: 'advisor', model: 'x' },
                },
              },
            ],
          },
        ],
      }),
      '/messages/0/content/0/tool/definition/model',
    ],
  ])('%s', (_, given, where) => {
    expect(() => read(given)).toThrow(of('ERR_CALL_UNSUPPORTED', where.replace('*', '\\*')))
  })

  it('what narrows, and what has its beta, goes on', () => {
    expect(call({ inference_geo: 'us', service_tier: 'standard_only', speed: 'standard' }).unread).toEqual([])
    expect(call({ inference_geo: null, service_tier: null, speed: null }).unread).toEqual([])
    expect(read(body({ speed: 'fast' }), { 'anthropic-beta': 'fast-mode-2026-02-01' }).headers).toMatchObject({
      'anthropic-beta': 'fast-mode-2026-02-01',
    })
  })

  it('a count is no stream', () => {
    expect(() => count({ model: 'a', messages: [message], stream: true })).toThrow(
      of('ERR_CALL_UNSUPPORTED', '/stream'),
    )
    expect(count({ model: 'a', messages: [message] })).toMatchObject({ operation: 'count_tokens', stream: false })
  })
})

describe('headers', () => {
  it.each<[string, Readonly<Record<string, string>>, string, string]>([
    ['a version of another form', { 'anthropic-version': '2023-6-1' }, 'ERR_CALL_MALFORMED', 'anthropic-version'],
    ['a version twice', { 'anthropic-version': '2023-06-01, 2023-06-01' }, 'ERR_CALL_MALFORMED', 'anthropic-version'],
    [
      'a version that nobody has read',
      { 'anthropic-version': '2099-01-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-version',
    ],
    ['an unknown beta', { 'anthropic-beta': 'mind-reading-2027-01-01' }, 'ERR_CALL_UNSUPPORTED', 'anthropic-beta'],
    [
      'one among known ones',
      { 'anthropic-beta': 'skills-2025-10-02,x-2027-01-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-beta',
    ],
    [
      'another model as a beta',
      { 'anthropic-beta': 'server-side-fallback-2026-07-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-beta',
    ],
    ['a beta in prose', { 'anthropic-beta': 'my beta' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['an empty beta', { 'anthropic-beta': '' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['an empty one among others', { 'anthropic-beta': 'skills-2025-10-02,,' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['another type', { 'content-type': 'text/plain' }, 'ERR_CALL_MALFORMED', 'content-type'],
    ['a compressed body', { 'content-encoding': 'gzip' }, 'ERR_CALL_UNSUPPORTED', 'content-encoding'],
    ['a task in prose', { 'x-customhouse-task': 'two words' }, 'ERR_CALL_MALFORMED', 'x-customhouse-task'],
  ])('%s is refused', (_, headers, code, where) => {
    expect(() => read(body(), headers)).toThrow(of(code, where))
  })

  it('a beta that is refused is named; one that could be prose is not', () => {
    expect(() => read(body(), { 'anthropic-beta': 'x-2027-01-01' })).toThrow(/leave out x-2027-01-01/)
    expect(() => read(body(), { 'anthropic-beta': 'Jane Doe' })).not.toThrow(/Jane/)
  })

  it('the version is demanded, as by the API', () => {
    const { 'anthropic-version': _, ...headers } = inbound(body()).headers
    expect(() => anthropicMessages.read({ ...inbound(body()), headers })).toThrow(
      of('ERR_CALL_MALFORMED', 'anthropic-version'),
    )
  })

  it('version and betas are facts, each beta once; nothing else is', () => {
    const { headers, task, metadata } = read(body(), {
      'anthropic-beta': 'skills-2025-10-02, files-api-2025-04-14,skills-2025-10-02',
      'anthropic-version': '2026-10-21',
      'anthropic-dangerous-direct-browser-access': 'true',
      'x-customhouse-task': 'billing',
      'x-customhouse-meta-case': '7',
      'user-agent': 'x',
    })
    expect(headers).toEqual({
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'skills-2025-10-02,files-api-2025-04-14',
    })
    expect({ task, metadata }).toEqual({ task: 'billing', metadata: { case: '7' } })
  })
})
