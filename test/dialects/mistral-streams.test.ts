import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mistralChat } from '../../src/dialects/mistral-chat/index.ts'
import { call, chatRecordings, chunk, decode, PROVIDERS, sse, streamCall } from './calls.ts'
import { leavesOf } from './leaves.ts'
import { question, SSE, start, streamed, USAGE } from './mistral-client.ts'

describe('any stream, to the client of Mistral', () => {
  const text = fc.constantFrom('', 'a', 'é😀', '{"', '}')
  const delta = fc.oneof(
    fc.record({ content: text }),
    fc.record({
      tool_calls: fc.array(fc.record({ index: fc.nat(1), function: fc.record({ arguments: text }) }), {
        minLength: 1,
        maxLength: 2,
      }),
    }),
    fc.constant({}),
  )
  const made = fc.record({ index: fc.nat(1), delta, usage: fc.constantFrom(undefined, null, USAGE), empty: fc.nat(9) })

  it('nothing of it is lost, and every chunk has the shape', () => {
    fc.assert(
      fc.property(fc.array(made, { maxLength: 20 }), (list) => {
        const chunks = list.map(({ index, delta, usage, empty }) => ({
          ...chunk({}),
          choices: empty === 0 ? [] : [{ index, delta }],
          ...(usage === undefined ? {} : { usage }),
        }))
        const ends = [0, 1].map((index) => ({ ...chunk({}), choices: [{ index, delta: {}, finish_reason: 'stop' }] }))
        const given = sse(...chunks, ...ends, { ...chunk({}), choices: [], usage: USAGE }, '[DONE]')
        const two = call({ stream: true, n: 2 })
        const events = decode(two, given, 200, { 'content-type': SSE })
        const encoder = mistralChat.encode(two)
        const written = Buffer.concat([...events.map((event) => encoder.event(event, undefined)), encoder.end()])
        expect(joined(written.toString())).toEqual(joined(given))
        const lines = written.toString().trim().split('\n\n')
        expect(lines.pop()).toBe('data: [DONE]')
        const last = lines
          .map((line): unknown => JSON.parse(line.slice(6)))
          .map((one, at, all) => {
            expect(one).toMatchObject({ choices: [{ finish_reason: at >= all.length - 2 ? 'stop' : null }] })
            expect(Object(one).usage).not.toBeNull()
            return one
          })
        expect(last.at(-1)).toMatchObject({ usage: USAGE })
      }),
    )
  })
})

/** Text by choice and arguments by choice and call, in the order in which the calls begin, joined without any code of the product. */
function joined(body: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  const begun: Record<string, number[]> = {}
  const place = (choice: number, call: number): number => {
    begun[choice] ??= []
    if (!begun[choice].includes(call)) begun[choice].push(call)
    return begun[choice].indexOf(call)
  }
  const add = (at: string, text: unknown): void => {
    if (typeof text === 'string' && text !== '') found[at] = (found[at] ?? '') + text
  }
  for (const line of body.split('\n')) {
    if (!line.startsWith('data: {')) continue
    for (const { index, delta } of JSON.parse(line.slice(6)).choices) {
      add(`${index}`, delta.content)
      for (const call of delta.tool_calls ?? []) add(`${index}/${place(index, call.index)}`, call.function.arguments)
    }
  }
  return found
}

const all = chatRecordings(...PROVIDERS)

describe.skipIf(all === null)(
  'recordings, whoever answered, to the client of Mistral (skipped without fixtures)',
  () => {
    const good = all?.filter(({ response }) => response.status === 200) ?? []
    const stream = good.filter(({ response }) => response.framing === 'sse')

    it('every stream: the SDK takes every chunk, and gets the text and the calls that were sent', async () => {
      let tools = 0
      for (const { file, response } of stream) {
        const got = await streamed({ said: { type: SSE, body: response.bytes.toString() } })
        const { content, calls } = said(response.bytes.toString())
        expect(got.content, file).toBe(content)
        expect(
          got.calls.map((call) => [call.function.name, call.function.arguments]),
          file,
        ).toEqual(calls)
        expect(got.reasons.length, file).toBe(1)
        tools += calls.length
      }
      expect(stream.length).toBeGreaterThan(20)
      expect(tools).toBeGreaterThan(5)
    })

    it('every stream: what is written was a part, or the parts of one lane together', () => {
      for (const { file, response } of stream) {
        const events = decode(streamCall, response.bytes, 200, { 'content-type': SSE })
        const lanes = new Map<string, string>()
        for (const { lane, text } of events.flatMap(({ parts }) => parts))
          lanes.set(lane, (lanes.get(lane) ?? '') + text)
        const seen = new Set([...lanes.values(), ...events.flatMap(({ parts }) => parts.map(({ text }) => text))])
        const encoder = mistralChat.encode(streamCall)
        const written = Buffer.concat([
          ...events.map((event) => encoder.event(event, undefined)),
          encoder.end(),
        ]).toString()
        for (const line of written.split('\n')) {
          if (!line.startsWith('data: {')) continue
          for (const { text } of leavesOf(JSON.parse(line.slice(6)))) expect(seen, file).toContain(text)
        }
      }
    })

    it('every whole answer', async () => {
      for (const { file, response } of good) {
        if (response.framing === 'sse') continue
        const { chat } = start({ said: { body: response.bytes.toString() } })
        const got = await chat.complete(question).catch((error: unknown) => error)
        // A 200 that holds an error is one: the SDK raises.
        const failed = response.bytes.includes('"error"')
        expect(got instanceof Error ? got.message : '', file).toBe(failed ? 'Response validation failed' : '')
      }
    })
  },
)

/** Text and calls of a stream, joined without any code of the product. */
function said(body: string): { content: string; calls: readonly (readonly [string, string])[] } {
  let content = ''
  const calls = new Map<unknown, [string, string]>()
  for (const line of body.split(/\r?\n/)) {
    if (!line.startsWith('data: {')) continue
    for (const { delta } of JSON.parse(line.slice(6)).choices) {
      if (typeof delta?.content === 'string') content += delta.content
      for (const call of delta?.tool_calls ?? []) {
        const known = calls.get(call.index) ?? ['', '']
        calls.set(call.index, [known[0] + (call.function?.name ?? ''), known[1] + (call.function?.arguments ?? '')])
      }
    }
  }
  return { content, calls: [...calls.values()] }
}
