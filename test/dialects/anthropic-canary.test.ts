import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { anthropicCountTokens } from '../../src/dialects/anthropic-messages/index.ts'
import {
  answers,
  call,
  count,
  countRecordings,
  decode,
  encode,
  eventsOf,
  JSON_TYPE,
  messageRecordings,
  read,
  SSE,
  sse,
  streamCall,
} from './anthropic-calls.ts'
import { isObject, leavesOf, objectsOf, planted, pointerOf } from './leaves.ts'

/**
 * A canary in every string leaf, and as a new member in every object, of every recording, both ways: an inspector must see it, or the call or
 * the answer must be refused. Skipped, and said so, where the recordings are absent.
 */
const CANARY = 'canary 4111-1111 ü'
const recorded = messageRecordings()
const counted = countRecordings()
const kept = answers()

type Asked = Readonly<{ file: string; body: unknown; read: (body: unknown) => ModelCall }>
const calls: readonly Asked[] = [
  ...(recorded ?? []).map(({ file, request }): Asked => ({ file, body: request.body, read })),
  ...(counted ?? []).map(({ file, request }): Asked => ({ file, body: request.body, read: count })),
]

const reading = (asked: Asked, body: unknown): CustomhouseError | ModelCall => {
  try {
    return asked.read(body)
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
}

describe.skipIf(recorded === null)('calls (skipped without fixtures)', () => {
  it('every string leaf of every recording is a segment, in document order, and nothing is unread', () => {
    for (const { file, body, read } of calls) {
      const { segments, unread } = read(body)
      const strings = segments.filter(({ pointer }) => !pointer.endsWith('#'))
      expect(unread, file).toEqual([])
      expect(
        strings.map(({ pointer, text }) => ({ pointer, text })),
        file,
      ).toEqual(leavesOf(body).map(({ path, text }) => ({ pointer: pointerOf(path), text })))
    }
  })

  // Refused are roles that nobody knows, and names and types of tools that are prose. A block or a source of an unknown type is unread.
  it.each([
    [CANARY, ['name', 'role', 'type']],
    ['canary-4111', ['role']],
  ])('%j in any leaf is seen where it stands, or the call is refused for %j', (canary, where) => {
    let seen = 0
    let unread = 0
    const refused = new Set<string>()
    for (const asked of calls) {
      for (const { path } of leavesOf(asked.body)) {
        const pointer = pointerOf(path)
        const result = reading(asked, planted(asked.body, path, canary))
        if (result instanceof CustomhouseError) {
          expect(['ERR_CALL_MALFORMED', 'ERR_CALL_UNSUPPORTED']).toContain(result.code)
          refused.add(String(path.at(-1)))
        } else {
          expect(result.segments).toContainEqual(expect.objectContaining({ pointer, text: canary }))
          seen++
          if (result.unread.length > 0) {
            expect(path.at(-1), `${asked.file} ${pointer}`).toBe('type')
            unread++
          }
        }
      }
    }
    expect(seen).toBeGreaterThan(700)
    expect(unread).toBeGreaterThan(100)
    expect([...refused].sort()).toEqual(where)
  })

  it('a member of a new name in any object is seen by name, and so is what stands in it; at the top it is refused', () => {
    let seen = 0
    for (const asked of calls) {
      for (const path of objectsOf(asked.body)) {
        const pointer = `${pointerOf(path)}/${CANARY}`
        const result = reading(asked, planted(asked.body, [...path, CANARY], ['deep', { deeper: 'deepest' }]))
        if (path.length === 0) {
          expect(result).toMatchObject({ code: 'ERR_CALL_UNSUPPORTED' })
          expect(String(result)).not.toContain('canary')
          continue
        }
        if (result instanceof CustomhouseError) throw result
        const { segments } = result
        expect(segments, asked.file).toContainEqual(expect.objectContaining({ pointer: `${pointer}#`, text: CANARY }))
        expect(segments).toContainEqual(expect.objectContaining({ pointer: `${pointer}/0`, text: 'deep' }))
        expect(segments).toContainEqual(expect.objectContaining({ pointer: `${pointer}/1/deeper#`, text: 'deeper' }))
        expect(segments).toContainEqual(expect.objectContaining({ pointer: `${pointer}/1/deeper`, text: 'deepest' }))
        seen++
      }
    }
    expect(seen).toBeGreaterThan(450)
  })
})

const texts = (events: readonly ModelEvent[]): ReadonlySet<string> =>
  new Set(events.flatMap(({ parts }) => parts.map(({ pointer, text }) => `${pointer} ${text}`)))

describe.skipIf(kept === null)('answers (skipped without fixtures)', () => {
  const whole = kept?.filter(({ stream }) => !stream) ?? []
  const streams = kept?.filter(({ stream, file }) => stream && !file.startsWith('duplicate-message-start')) ?? []

  it('a canary in any leaf of a whole answer is a part, or the answer is refused for what it is', () => {
    let seen = 0
    const refused = new Set<string>()
    const look = (file: string, body: unknown, expected: string, at: string) => {
      try {
        expect(texts(decode(call(), JSON.stringify(body), 200, JSON_TYPE)), file).toContain(expected)
        seen++
      } catch (error) {
        if (!(error instanceof CustomhouseError)) throw error
        expect(error.code).toBe('ERR_PROVIDER_MALFORMED')
        refused.add(at)
      }
    }
    for (const { file, bytes } of whole) {
      const body: unknown = JSON.parse(bytes.toString())
      for (const { path } of leavesOf(body)) {
        look(file, planted(body, path, CANARY), `${pointerOf(path)} ${CANARY}`, pointerOf(path))
      }
      for (const path of objectsOf(body)) {
        look(file, planted(body, [...path, CANARY], 1), `${pointerOf(path)}/${CANARY}# ${CANARY}`, 'a new name')
      }
    }
    expect(seen).toBeGreaterThan(1500)
    expect([...refused]).toEqual(['/type'])
  })

  it('of an error and of a count: the same', () => {
    const error = { type: 'error', error: { type: 'invalid_request_error', message: 'no', details: { x: 'y' } } }
    for (const { path } of leavesOf(error)) {
      const events = decode(call(), JSON.stringify(planted(error, path, CANARY)), 400, JSON_TYPE)
      expect(texts(events)).toContain(`${pointerOf(path)} ${CANARY}`)
    }
    const of = count({ model: 'auto', messages: [{ role: 'user', content: 'x' }] })
    const answer = { input_tokens: 1234567, [CANARY]: { x: CANARY } }
    const events = decode(of, JSON.stringify(answer), 200, JSON_TYPE, anthropicCountTokens)
    expect(texts(events)).toEqual(
      new Set(['/input_tokens~# 1234567', `/${CANARY}# ${CANARY}`, `/${CANARY}/x# x`, `/${CANARY}/x ${CANARY}`]),
    )
  })

  // The type of an event and of what it carries decides how it is read; all others are planted at once.
  const isKind = (path: readonly (string | number)[]) =>
    path.join('/') === 'type' || path.join('/') === 'content_block/type' || path.at(-1) === 'stop_reason'

  it('a canary of its own in every leaf of a stream, all at once: each is a part, once', () => {
    let seen = 0
    for (const { file, bytes } of streams) {
      const events = eventsOf(bytes).map((event, at) =>
        leavesOf(event)
          .filter(({ path }) => !isKind(path))
          .reduce<unknown>((json, { path }) => planted(json, path, `c${at}${pointerOf(path)}`), event),
      )
      const expected = events.flatMap((event) => leavesOf(event).map(({ text }) => text))
      const found = decode(streamCall, sse(...events.filter(isObject)), 200, SSE).flatMap(({ parts }) =>
        parts.filter(({ pointer }) => !pointer.endsWith('#')),
      )
      expect(
        found.map(({ text }) => text),
        file,
      ).toEqual(expected)
      seen += expected.length
    }
    expect(seen).toBeGreaterThan(10_000)
  })

  it('of an unknown type of an event: refused; of a block or a delta: read all the same', () => {
    for (const { file, bytes } of streams.slice(0, 12)) {
      const events = eventsOf(bytes).filter(isObject)
      for (const [at, event] of events.entries()) {
        const changed = events.with(at, { ...event, type: 'canary_event' })
        expect(() => decode(streamCall, sse(...changed)), file).toThrow(
          expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }),
        )
        const path = isObject(event.content_block) ? ['content_block', 'type'] : ['delta', 'type']
        if (!isObject(event.content_block) && event.type !== 'content_block_delta') continue
        const planting: unknown = planted(event, path, CANARY)
        if (!isObject(planting)) throw new Error(file)
        expect(texts(decode(streamCall, sse(...events.with(at, planting))))).toContain(`${pointerOf(path)} ${CANARY}`)
      }
    }
  })

  it('a member of a new name in any object of a stream is a part', () => {
    for (const { file, bytes } of streams) {
      const events = eventsOf(bytes).map((event) =>
        objectsOf(event).reduceRight<unknown>((json, path) => planted(json, [...path, CANARY], 1), event),
      )
      const expected = events.flatMap((event) => objectsOf(event)).length
      const found = decode(streamCall, sse(...events.filter(isObject)), 200, SSE)
      const names = found.flatMap(({ parts }) => parts.filter(({ pointer }) => pointer.endsWith(`${CANARY}#`)))
      expect(names, file).toHaveLength(expected)
    }
  })

  it('what is not a part never reaches the client: every string leaf written is one', () => {
    for (const { bytes } of streams) {
      const events = decode(streamCall, bytes, 200, SSE)
      const parts = new Set(events.flatMap(({ parts }) => parts.map(({ text }) => text)))
      for (const event of eventsOf(encode(streamCall, events))) {
        for (const { text } of leavesOf(event)) expect(parts).toContain(text)
      }
    }
  })

  it('a lane is of one kind, not named again once it was closed, and every text of a block is in a lane that closes', () => {
    let closed = 0
    for (const { file, bytes } of streams) {
      const done = new Set<string>()
      const continuing = new Set<string>()
      const kinds = new Map<string, string>()
      for (const { parts, closes = [] } of decode(streamCall, bytes, 200, SSE)) {
        for (const { lane, channel, role, signed } of parts) {
          expect(done, file).not.toContain(lane)
          if (!lane.startsWith('@')) continuing.add(lane)
          const kind = `${channel} ${role} ${signed}`
          expect(kinds.get(lane) ?? kind, `${file} ${lane}`).toBe(kind)
          kinds.set(lane, kind)
        }
        for (const lane of closes) done.add(lane)
      }
      expect(
        [...continuing].filter((lane) => !done.has(lane)),
        file,
      ).toEqual([])
      closed += done.size
    }
    expect(closed).toBeGreaterThan(120)
  })
})
