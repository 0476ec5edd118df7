import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { call, chatRecordings, decode, encode, JSON_TYPE, PROVIDERS, read, SSE, sse, streamCall } from './calls.ts'
import { leavesOf, objectsOf, planted, pointerOf, type Step } from './leaves.ts'

/**
 * A canary in every string leaf, and as a new member in every object, of every recording: an inspector must see it, or the call must
 * be refused. Skipped, and said so, where the recordings are absent.
 */
const all = chatRecordings(...PROVIDERS)
const CANARY = 'canary 4111-1111 ü'

const refusal = (body: unknown): CustomhouseError | ModelCall => {
  try {
    return read(body)
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
}

describe.skipIf(all === null)('requests (skipped without fixtures)', () => {
  it('every string leaf of every recording is a segment, in document order', () => {
    for (const { file, request } of all ?? []) {
      const { segments, unread } = read(request.body)
      const strings = segments.filter(({ pointer }) => !pointer.endsWith('#'))
      expect(unread, file).toEqual([])
      expect(
        strings.map(({ pointer, text }) => ({ pointer, text })),
        file,
      ).toEqual(leavesOf(request.body).map(({ path, text }) => ({ pointer: pointerOf(path), text })))
    }
  })

  // Refused are roles that nobody knows, and names and types of tools that are prose; nothing else.
  it.each([
    [CANARY, ['name', 'role', 'type']],
    ['canary-4111', ['role']],
  ])('%j in any leaf is seen where it stands, or the call is refused for %j', (canary, where) => {
    let seen = 0
    const refused = new Set<string>()
    for (const { file, request } of all ?? []) {
      for (const { path } of leavesOf(request.body)) {
        const pointer = pointerOf(path)
        const read = refusal(planted(request.body, path, canary))
        if (read instanceof CustomhouseError) {
          expect(['ERR_CALL_MALFORMED', 'ERR_CALL_UNSUPPORTED']).toContain(read.code)
          refused.add(String(path.at(-1)))
        } else {
          expect(read.segments, `${file} ${pointer}`).toContainEqual(expect.objectContaining({ pointer, text: canary }))
          seen++
        }
      }
    }
    expect(seen).toBeGreaterThan(500)
    expect([...refused].sort()).toEqual(where)
  })

  it('a member of a new name in any object is seen by name, and so is what stands in it', () => {
    let seen = 0
    for (const { file, request } of all ?? []) {
      for (const path of objectsOf(request.body)) {
        const pointer = `${pointerOf(path)}/${CANARY}`
        const { segments } = read(planted(request.body, [...path, CANARY], ['deep', { deeper: 'deepest' }]))
        expect(segments, file).toContainEqual(expect.objectContaining({ pointer: `${pointer}#`, text: CANARY }))
        expect(segments, file).toContainEqual(expect.objectContaining({ pointer: `${pointer}/0`, text: 'deep' }))
        expect(segments).toContainEqual(expect.objectContaining({ pointer: `${pointer}/1/deeper#`, text: 'deeper' }))
        expect(segments).toContainEqual(expect.objectContaining({ pointer: `${pointer}/1/deeper`, text: 'deepest' }))
        seen++
      }
    }
    expect(seen).toBeGreaterThan(300)
  })
})

const texts = (events: readonly ModelEvent[]): ReadonlySet<string> =>
  new Set(events.flatMap(({ parts }) => parts.map(({ pointer, text }) => `${pointer} ${text}`)))

describe.skipIf(all === null)('answers (skipped without fixtures)', () => {
  const whole = all?.filter(({ response }) => response.framing !== 'sse') ?? []
  const streams = all?.filter(({ response }) => response.framing === 'sse') ?? []

  it('a canary in any leaf of a whole answer or an error is a part', () => {
    let seen = 0
    for (const { file, response } of whole) {
      const body: unknown = JSON.parse(response.bytes.toString())
      for (const { path } of leavesOf(body)) {
        const events = decode(call(), JSON.stringify(planted(body, path, CANARY)), response.status, JSON_TYPE)
        expect(texts(events), file).toContain(`${pointerOf(path)} ${CANARY}`)
        seen++
      }
      for (const path of objectsOf(body)) {
        const events = decode(call(), JSON.stringify(planted(body, [...path, CANARY], 1)), response.status, JSON_TYPE)
        expect(texts(events), file).toContain(`${pointerOf(path)}/${CANARY}# ${CANARY}`)
        seen++
      }
    }
    expect(seen).toBeGreaterThan(500)
  })

  it('a canary of its own in every leaf of a stream, all at once: each is a part, once', () => {
    let seen = 0
    for (const { file, response } of streams) {
      const chunks = chunksOf(response.bytes).map((chunk, event) =>
        leavesOf(chunk).reduce<unknown>((json, { path }) => planted(json, path, canaryAt(path, event)), chunk),
      )
      const expected = chunks.flatMap((chunk) => leavesOf(chunk).map(({ text }) => text))
      const events = decode(streamCall, sse(...chunks, '[DONE]'), 200, SSE)
      const found = events.flatMap(({ parts }) => parts.filter(({ pointer }) => !pointer.endsWith('#')))
      expect(
        found.map(({ text }) => text),
        file,
      ).toEqual(expected)
      seen += expected.length
    }
    expect(seen).toBeGreaterThan(5000)
  })

  it('a member of a new name in any object of a stream is a part', () => {
    for (const { response } of streams) {
      const chunks = chunksOf(response.bytes).map((chunk) =>
        objectsOf(chunk).reduceRight<unknown>((json, path) => planted(json, [...path, CANARY], true), chunk),
      )
      const expected = chunks.flatMap((chunk) => objectsOf(chunk)).length
      const events = decode(streamCall, sse(...chunks, '[DONE]'), 200, SSE)
      const names = events.flatMap(({ parts }) => parts.filter(({ pointer }) => pointer.endsWith(`${CANARY}#`)))
      expect(names).toHaveLength(expected)
    }
  })

  it('what is not a part never reaches the client: every string leaf written is one', () => {
    for (const { response } of streams) {
      const events = decode(streamCall, response.bytes, 200, SSE)
      const parts = new Set(events.flatMap(({ parts }) => parts.map(({ text }) => text)))
      for (const chunk of chunksOf(Buffer.from(encode(streamCall, events)))) {
        for (const { text } of leavesOf(chunk)) expect(parts).toContain(text)
      }
    }
  })
})

/** A text of its own for each leaf; what a delta says in one piece must stay the same from event to event. */
function canaryAt(path: readonly Step[], event: number): string {
  const whole = path.includes('delta') && ['role', 'id', 'type', 'tool_call_id', 'format'].includes(String(path.at(-1)))
  return `${whole ? 'w' : `c${event}`}${pointerOf(path)}`
}

function chunksOf(bytes: Buffer): readonly unknown[] {
  const lines = bytes.toString().split(/\r?\n/)
  return lines.flatMap((line): unknown[] => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []))
}
