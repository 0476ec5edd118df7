import { describe, expect, test } from 'vitest'
import type { ModelEvent, Part, Segment } from '../../src/core/call.ts'
import {
  anthropicAnswer,
  anthropicStream,
  converseAnswer,
  converseStream,
  openaiAnswer,
  openaiStream,
} from '../kit/index.ts'
import * as anthropic from './anthropic-calls.ts'
import * as converse from './bedrock-converse-calls.ts'
import * as invoke from './bedrock-invoke-calls.ts'
import * as openai from './calls.ts'

/** Arguments and results say which tool's they are, and where they are JSON; nothing else does. */

const told = (segments: readonly Segment[]) =>
  segments
    .filter(({ json, tool }) => json !== undefined || tool !== undefined)
    .map(({ pointer, json, tool }) => [pointer, tool, json === true])

describe('calls', () => {
  test('openai.chat: functions, custom tools, the legacy call, results by their id', () => {
    const { segments } = openai.call({
      messages: [
        {
          role: 'assistant',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'send', arguments: '{"to":"x"}' } },
            { id: 'b', type: 'custom', custom: { name: 'run', input: 'ls' } },
            { id: 'c', type: 'function', function: { name: 'mail', arguments: { to: { name: 'x' } } } },
          ],
        },
        { role: 'tool', tool_call_id: 'b', content: 'done' },
        { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'sent' }] },
        { role: 'tool', tool_call_id: 'unknown', content: 'x' },
        { role: 'assistant', function_call: { name: 'old', arguments: '{}' } },
        { role: 'function', name: 'old', content: 'ok' },
        { role: 'user', content: 'x' },
      ],
    })
    expect(told(segments)).toEqual([
      ['/messages/0/tool_calls/0/function/arguments', 'send', true],
      ['/messages/0/tool_calls/1/custom/input', 'run', false],
      ['/messages/0/tool_calls/2/function/arguments/to/name', 'mail', false],
      ['/messages/1/content', 'run', false],
      ['/messages/2/content/0/type', 'send', false],
      ['/messages/2/content/0/text', 'send', false],
      ['/messages/4/function_call/arguments', 'old', true],
      ['/messages/5/content', 'old', false],
    ])
  })

  const blocks = [
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'send', input: { to: ['x'], n: { m: 'y' } } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'sent' }] }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'none', content: 'x' }] },
  ]
  test.each([
    ['anthropic.messages', anthropic.call({ messages: blocks })],
    ['bedrock.invoke', invoke.call({ messages: blocks })],
  ])('%s: uses and results by their id', (_, { segments }) => {
    expect(told(segments)).toEqual([
      ['/messages/0/content/0/input/to/0', 'send', false],
      ['/messages/0/content/0/input/n/m', 'send', false],
      ['/messages/1/content/0/content/0/type', 'send', false],
      ['/messages/1/content/0/content/0/text', 'send', false],
    ])
  })

  test('bedrock.converse: uses and results by their id', () => {
    const { segments } = converse.read({
      messages: [
        { role: 'assistant', content: [{ toolUse: { toolUseId: 'a', name: 'send', input: { to: 'x' } } }] },
        {
          role: 'user',
          content: [{ toolResult: { toolUseId: 'a', content: [{ json: { ok: 'yes' } }, { text: 'z' }] } }],
        },
      ],
    })
    expect(told(segments)).toEqual([
      ['/messages/0/content/0/toolUse/input/to', 'send', false],
      ['/messages/1/content/0/toolResult/content/0/json/ok', 'send', false],
      ['/messages/1/content/0/toolResult/content/1/text', 'send', false],
    ])
  })
})

const speech = { texts: ['x'], tools: [{ id: 'a', name: 'send', arguments: '{"to":["x"],"n":{"a/b":"y"}}' }] }
const said = (events: readonly ModelEvent[]): readonly Part[] =>
  events.flatMap(({ parts }) => parts).filter(({ json, tool, argument }) => (json ?? tool ?? argument) !== undefined)

describe('answers', () => {
  test.each([
    ['openai.chat', openai.decode(openai.streamCall, openaiStream(speech).join(''))],
    ['openai.chat, whole', openai.decode(openai.call(), JSON.stringify(openaiAnswer(speech)))],
    ['anthropic.messages', anthropic.decode(anthropic.streamCall, anthropicStream(speech).join(''))],
    ['bedrock.converse', converse.decode(converse.streamCall, Buffer.concat(converseStream(speech)))],
  ])('%s: the text of the arguments, in each of its pieces', (_, events) => {
    const parts = said(events)
    expect(new Set(parts.map(({ tool, json, argument }) => [tool, json, argument].join()))).toEqual(
      new Set(['send,true,']),
    )
    expect(new Set(parts.map(({ lane }) => lane)).size).toBe(1)
    expect(JSON.parse(parts.map(({ text }) => text).join(''))).toEqual({ to: ['x'], n: { 'a/b': 'y' } })
  })

  test.each([
    ['anthropic.messages', anthropic.decode(anthropic.call(), JSON.stringify(anthropicAnswer(speech)))],
    ['bedrock.converse', converse.decode(converse.wholeCall, JSON.stringify(converseAnswer(speech)))],
  ])('%s, whole: each of the arguments, with its place', (_, events) => {
    expect(said(events).map(({ tool, argument, text, json }) => [tool, argument, text, json])).toEqual([
      ['send', '/to/0', 'x', undefined],
      ['send', '/n/a~1b', 'y', undefined],
    ])
  })
})

describe('answers that were asked for as JSON', () => {
  const format = { type: 'json_schema', schema: {} }
  const structure = { jsonSchema: { schema: '{}', name: 'a' } }
  const hello = { messages: [{ role: 'user', content: [{ text: 'x' }] }] }
  const shaped = { ...hello, outputConfig: { textFormat: { type: 'json_schema', structure } } }
  const spoken = { texts: ['{"a":1}'] }
  const called = (stream: boolean) => ({
    openai: openai.call({ stream, response_format: { type: 'json_object' } }),
    anthropic: anthropic.call({ stream, output_config: { format } }),
    beta: anthropic.call({ stream, output_format: format }),
    converse: converse.read(shaped, stream ? '/model/auto/converse-stream' : '/model/auto/converse'),
  })
  const flowing = called(true)
  const whole = called(false)
  const answers: readonly (readonly [string, readonly ModelEvent[]])[] = [
    ['openai.chat', openai.decode(flowing.openai, openaiStream(spoken).join(''))],
    ['openai.chat, whole', openai.decode(whole.openai, JSON.stringify(openaiAnswer(spoken)))],
    ['anthropic.messages', anthropic.decode(flowing.anthropic, anthropicStream(spoken).join(''))],
    ['anthropic.messages, whole', anthropic.decode(whole.anthropic, JSON.stringify(anthropicAnswer(spoken)))],
    ['anthropic.messages, as in its beta', anthropic.decode(flowing.beta, anthropicStream(spoken).join(''))],
    ['bedrock.converse', converse.decode(flowing.converse, Buffer.concat(converseStream(spoken)))],
    ['bedrock.converse, whole', converse.decode(whole.converse, JSON.stringify(converseAnswer(spoken)))],
  ]
  test.each(answers)('%s: what is said is JSON, and nothing else', (_, events) => {
    const parts = events.flatMap((event) => event.parts)
    const json = parts.filter((part) => part.json === true)
    expect(json.map(({ text }) => text).join('')).toBe('{"a":1}')
    expect(json.every(({ channel, role }) => channel === 'text' && role === 'assistant')).toBe(true)
    expect(parts.filter((part) => part.json !== true && part.channel === 'text' && part.text !== '')).toEqual([])
  })

  test.each([{ type: 'text' }, null, 'json_object'])('not by a format of %j', (response_format) => {
    const events = openai.decode(openai.call({ response_format }), JSON.stringify(openaiAnswer(spoken)))
    expect(said(events)).toEqual([])
  })
})
