import { describe, expect, test } from 'vitest'
import type { Live } from '../../plugins/redaction/pseudonyms.ts'
import { restorer } from '../../plugins/redaction/restore/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import type { Codec } from '../../src/core/port.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import * as anthropic from '../dialects/anthropic-calls.ts'
import * as converse from '../dialects/bedrock-converse-calls.ts'
import * as openai from '../dialects/calls.ts'

/** Several texts of one answer at once, their ends, and the copies that stand beside them. */

const keys = tenantKeys(Buffer.alloc(32, 7), 'acme')
const live = (type: string, value: string): Live => ({ token: tokenOf(keys, type, 1, '', value), value, type })
const LIVE: readonly Live[] = [live('PERSON', 'Anna "A" Müller'), live('URL', 'http://a.example/x')]
const [PERSON, URL] = LIVE.map(({ token }) => token) as [string, string]
const [NAME] = LIVE.map(({ value }) => value) as [string]
const HALF = [PERSON.slice(0, 7), PERSON.slice(7)] as const

/** Text of the lanes as it left, by lane and place, and what the filter has to say of it. */
function through(codec: Codec, call: ModelCall, headers: Readonly<Record<string, string>>, bytes: string | Buffer) {
  const filter = restorer(LIVE, { tools: 'all', reads: true })
  const decoder = codec.decode(call, 200, headers)
  const client = codec.decode(call, 200, headers)
  const encoder = codec.encode(call)
  const lanes = new Lanes()
  const texts = new Map<string, string>()
  const read = (events: readonly ModelEvent[]): void => {
    for (const { parts } of events)
      for (const { lane, text } of parts) {
        const name = lane.replace(/^@[0-9]+/, '@')
        texts.set(name, (texts.get(name) ?? '') + text)
      }
  }
  const look = (final: boolean): void => {
    lanes.settle([filter], 0, final)
    for (const { event, texts: edited } of lanes.release()) read(client.push(encoder.event(event, edited)))
  }
  const all = Buffer.from(bytes)
  for (let at = 0; at < all.length; at += 37) {
    for (const event of decoder.push(all.subarray(at, at + 37))) lanes.add(event)
    look(false)
  }
  for (const event of decoder.end()) lanes.add(event)
  look(true)
  read(client.push(encoder.end()))
  read(client.end())
  return { texts, notes: filter.notes?.() }
}

const chat = (call: ModelCall, ...chunks: readonly unknown[]) =>
  through(openaiChat, call, openai.SSE, openai.sse(...chunks, '[DONE]'))
const choice = (index: number, delta: unknown, finish: string | null = null) =>
  openai.chunk(delta, { index, finish_reason: finish })
const call = (index: number, more: unknown) => ({ tool_calls: [{ index, ...(more as object) }] })
const begin = (name: string) => ({ id: `c${name}`, type: 'function', function: { name, arguments: '' } })
const argue = (text: string) => ({ function: { arguments: text } })

describe('openai.chat', () => {
  test('two choices that speak in turns, with deltas that say nothing between', () => {
    const { texts, notes } = chat(
      openai.call({ stream: true, n: 2 }),
      choice(0, { role: 'assistant', content: '' }),
      choice(1, { role: 'assistant', content: '' }),
      choice(0, { content: `0 ${HALF[0]}` }),
      choice(1, { content: `1 ${HALF[0]}` }),
      choice(0, { content: '' }),
      choice(1, {}),
      choice(0, { content: HALF[1] }),
      choice(1, { content: `x ${PERSON}` }),
      choice(1, {}, 'stop'),
      choice(0, {}, 'stop'),
    )
    expect(texts.get('choices/0/content')).toBe(`0 ${NAME}`)
    expect(texts.get('choices/1/content')).toBe(`1 ${HALF[0]}x ${NAME}`)
    expect(notes).toEqual({ restored: 2, unrestored: 0, withheld: {} })
  })

  test('two calls whose arguments come in turns, a token at the end of each, and one in the event that finishes', () => {
    const { texts, notes } = chat(
      openai.streamCall,
      choice(0, { role: 'assistant', content: `See ${HALF[0]}` }),
      choice(0, { content: HALF[1] }),
      choice(0, call(0, begin('a'))),
      choice(0, call(1, begin('b'))),
      choice(0, call(0, argue(`{"x":"${HALF[0]}`))),
      choice(0, call(1, argue(`{"y":"${HALF[0]}`))),
      choice(0, call(1, argue(`${HALF[1]}"`))),
      choice(0, call(0, argue(`${HALF[1]}","z":"${PERSON}`))),
      choice(0, call(1, argue('}'))),
      choice(0, { ...call(0, argue('"}')), content: ` and ${PERSON}` }, 'tool_calls'),
    )
    expect(texts.get('choices/0/content')).toBe(`See ${NAME} and ${NAME}`)
    expect(JSON.parse(texts.get('choices/0/tool_calls/0/function/arguments') ?? '')).toEqual({ x: NAME, z: NAME })
    expect(JSON.parse(texts.get('choices/0/tool_calls/1/function/arguments') ?? '')).toEqual({ y: NAME })
    expect(notes).toEqual({ restored: 5, unrestored: 0, withheld: {} })
  })

  test('thoughts, refusals, and titles of what is cited; an address that is cited only where it is one of the call', () => {
    const annotation = (url: string, title: string) => ({
      type: 'url_citation',
      url_citation: { start_index: 0, end_index: 1, url, title },
    })
    const message = {
      role: 'assistant',
      content: PERSON,
      reasoning_content: `Of ${PERSON}`,
      refusal: `Not ${PERSON}`,
      annotations: [annotation(URL, `On ${PERSON}`), annotation(`http://evil.example/${PERSON}`, 'x')],
    }
    const { texts, notes } = through(
      openaiChat,
      openai.call(),
      openai.JSON_TYPE,
      JSON.stringify({
        id: 'c1',
        object: 'chat.completion',
        created: 1,
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
      }),
    )
    const said = Object.fromEntries(texts)
    expect(said).toMatchObject({
      'choices/0/content': NAME,
      'choices/0/reasoning_content': `Of ${NAME}`,
      'choices/0/refusal': `Not ${NAME}`,
      'choices/0/annotations/0/url_citation/title': `On ${NAME}`,
      'choices/0/annotations/1/url_citation/url': `http://evil.example/${PERSON}`,
    })
    expect(notes).toMatchObject({ unrestored: 0 })
  })
})

const cited = (text: string, more: object = {}) => ({
  type: 'char_location',
  cited_text: text,
  document_index: 0,
  document_title: `On ${PERSON}`,
  start_char_index: 0,
  end_char_index: 4,
  ...more,
})

describe('anthropic.messages', () => {
  test('text cut by a citation, what it quotes, and a tool whose input max_tokens broke off', () => {
    const { start, blockStart, blockStop, text, delta, finish, stop } = anthropic
    const { texts, notes } = through(
      anthropicMessages,
      anthropic.streamCall,
      anthropic.SSE,
      anthropic.sse(
        start(),
        blockStart(0),
        text(0, `See ${HALF[0]}`),
        blockStop(0),
        blockStart(1, { type: 'text', text: HALF[1], citations: [] }),
        delta(1, { type: 'citations_delta', citation: cited(`says ${PERSON}`) }),
        text(1, ''),
        blockStop(1),
        blockStart(2, { type: 'tool_use', id: 't', name: 'send', input: {} }),
        delta(2, { type: 'input_json_delta', partial_json: `{"a":"${PERSON}","b":"${HALF[0]}` }),
        finish('max_tokens'),
        stop,
      ),
    )
    expect(texts.get('content/0/text')).toBe(`See ${NAME}`)
    expect(texts.get('@/delta/citation/cited_text')).toBe(`says ${NAME}`)
    expect(texts.get('@/delta/citation/document_title')).toBe(`On ${NAME}`)
    expect(texts.get('content/2/input')).toBe(`{"a":${JSON.stringify(NAME)},"b":"${HALF[0]}`)
    expect(notes).toEqual({ restored: 4, unrestored: 0, withheld: {} })
  })

  test('whole: citations, but for those that are sealed, and thoughts that are signed', () => {
    const content = [
      { type: 'thinking', thinking: `of ${PERSON}`, signature: 's' },
      { type: 'text', text: PERSON, citations: [cited(PERSON), cited(PERSON, { encrypted_index: 'x' })] },
    ]
    const body = { ...(anthropic.start(content) as { message: object }).message, stop_reason: 'end_turn' }
    const { texts } = through(anthropicMessages, anthropic.call(), anthropic.JSON_TYPE, JSON.stringify(body))
    expect(texts.get('@/content/0/thinking')).toBe(`of ${PERSON}`)
    expect(texts.get('@/content/1/text')).toBe(NAME)
    expect(texts.get('@/content/1/citations/0/cited_text')).toBe(NAME)
    expect(texts.get('@/content/1/citations/1/cited_text')).toBe(PERSON)
  })
})

describe('bedrock.converse', () => {
  test('text in two blocks, a citation between, and a tool, each cut in a token', () => {
    const delta = (contentBlockIndex: number, of: unknown): converse.Event => [
      'contentBlockDelta',
      { contentBlockIndex, delta: of },
    ]
    const { texts, notes } = through(
      bedrockConverse,
      converse.streamCall,
      converse.STREAM_TYPE,
      converse.frames(
        ['messageStart', { role: 'assistant' }],
        delta(0, { text: `See ${HALF[0]}` }),
        ['contentBlockStop', { contentBlockIndex: 0 }],
        delta(1, { text: HALF[1] }),
        delta(1, { citation: { title: `On ${PERSON}`, sourceContent: [{ text: `says ${PERSON}` }] } }),
        ['contentBlockStop', { contentBlockIndex: 1 }],
        ['contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 't', name: 'send' } } }],
        delta(2, { toolUse: { input: `{"a":"${HALF[0]}` } }),
        delta(2, { toolUse: { input: `${HALF[1]}"}` } }),
        ['contentBlockStop', { contentBlockIndex: 2 }],
        ['messageStop', { stopReason: 'tool_use' }],
      ),
    )
    expect(texts.get('content/0/text')).toBe(`See ${NAME}`)
    expect(texts.get('content/2/toolUse/input')).toBe(JSON.stringify({ a: NAME }))
    expect([...texts.values()]).toEqual(expect.arrayContaining([`On ${NAME}`, `says ${NAME}`]))
    expect(notes).toEqual({ restored: 4, unrestored: 0, withheld: {} })
  })
})
