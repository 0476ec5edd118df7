import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import {
  answers,
  blockStart,
  blockStop,
  call,
  decode,
  drain,
  encode,
  finish,
  JSON_TYPE,
  messageRecordings,
  SSE,
  sse,
  start,
  stop,
  streamCall,
  text,
} from './anthropic-calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })

/** What an event is to the pipeline and to the client. */
const seen = (of: ModelCall, events: readonly ModelEvent[]): string =>
  JSON.stringify(
    events.map((event) => [
      { ...event, frame: null },
      Buffer.from(anthropicMessages.encode(of).event(event, undefined)).toString(),
    ]),
  )

const kept = answers()
describe.skipIf(kept === null)('recordings (skipped without fixtures)', () => {
  const streams = kept?.filter(({ stream, file }) => stream && !file.startsWith('duplicate-message-start')) ?? []

  it('all of them are read, but a message that starts twice', () => {
    for (const { file, stream, bytes } of kept ?? []) {
      if (file.startsWith('duplicate-message-start')) continue
      const kinds = decode(stream ? streamCall : call(), bytes).map(({ kind }) => kind)
      expect(kinds, file).toContain('finish')
    }
    expect(() => decode(streamCall, sse(start(), start()))).toThrow(MALFORMED)
    const faults = messageRecordings()?.filter(({ response }) => response.status >= 400) ?? []
    for (const { response } of faults) {
      expect(decode(call(), response.bytes, response.status, JSON_TYPE)).toMatchObject([
        { kind: 'fault', code: 'invalid_request_error' },
      ])
    }
    expect(faults).toHaveLength(1)
  })

  it('in single bytes, in two and in many pieces: the same events, and the same bytes of ours', () => {
    for (const { file, bytes } of streams) {
      const expected = seen(streamCall, decode(streamCall, bytes))
      const cut = (bounds: readonly number[]) => {
        const all = [0, ...bounds, bytes.length]
        const pieces = all.slice(1).map((to, i) => bytes.subarray(all[i], to))
        return seen(streamCall, drain(anthropicMessages.decode(streamCall, 200, SSE), pieces))
      }
      if (bytes.length < 2000) {
        for (let at = 1; at < bytes.length; at++) expect(cut([at]), `${file} at ${at}`).toBe(expected)
      }
      if (bytes.length < 40_000) expect(cut([...bytes.keys()].slice(1)), `${file} in bytes`).toBe(expected)
      fc.assert(
        fc.property(fc.uniqueArray(fc.nat(bytes.length - 1), { maxLength: 40 }), (bounds) => {
          expect(cut(bounds.sort((a, b) => a - b))).toBe(expected)
        }),
        { numRuns: 4 },
      )
    }
  })

  it('characters of several bytes, cut at any byte: the same events', () => {
    const bytes = Buffer.from(
      sse(start(), blockStart(0), text(0, 'ä€😀\u2028'), text(0, '😀'), blockStop(0), finish(), stop),
    )
    const expected = seen(streamCall, decode(streamCall, bytes))
    for (let at = 1; at < bytes.length; at++) {
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)]
      expect(seen(streamCall, drain(anthropicMessages.decode(streamCall, 200, SSE), pieces))).toEqual(expected)
    }
  })

  it('read, written and read again: the same events', () => {
    for (const { file, bytes } of streams) {
      const events = decode(streamCall, bytes)
      expect(seen(streamCall, decode(streamCall, encode(streamCall, events))), file).toEqual(seen(streamCall, events))
    }
  })
})
