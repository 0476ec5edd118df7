import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { drain } from './anthropic-calls.ts'
import {
  call,
  chunks,
  decode,
  encode,
  inbound,
  invokeRecordings,
  pathOf,
  STREAM_TYPE,
  streamCall,
  TARGET,
} from './bedrock-invoke-calls.ts'
import { bySdk, eventsOf } from './bedrock-invoke-clients.ts'
import { leavesOf, objectsOf, planted, pointerOf } from './leaves.ts'

const CANARY = 'canary 4111-1111 ü'

const read = (given: unknown, path?: string, headers?: Readonly<Record<string, string>>): ModelCall =>
  bedrockInvoke.read(inbound(given, path, headers))
const of = (code: string, where: string) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(`^${where.replaceAll(/[/*]/g, '\\$&')}: .+`)),
  })

const seenAs = (events: readonly ModelEvent[]): string =>
  JSON.stringify(
    events.map((event) => [
      { ...event, frame: null },
      Buffer.from(bedrockInvoke.encode(streamCall).event(event, undefined)).toString('latin1'),
    ]),
  )

const recorded = invokeRecordings(true)
describe.skipIf(recorded === null)('recordings (skipped without fixtures)', () => {
  const streams = recorded?.filter(({ response }) => response.framing !== 'json') ?? []

  it('of Anthropic’s models: every leaf a segment, the same tree upstream, a canary seen or refused', () => {
    let seen = 0
    const refused = new Set<string>()
    for (const recording of recorded ?? []) {
      const { body } = recording.request
      const of = read(body, pathOf(recording))
      expect(of.unread).toEqual([])
      const strings = of.segments.filter(({ pointer }) => !pointer.endsWith('#'))
      expect(strings.map(({ pointer, text }) => [pointer, text])).toEqual(
        leavesOf(body).map(({ path, text }) => [pointerOf(path), text]),
      )
      expect(Buffer.from(bedrockInvoke.write(of, TARGET, [], []).body).toString()).toBe(JSON.stringify(body))
      for (const { path } of leavesOf(body)) {
        try {
          const { segments } = read(planted(body, path, CANARY), pathOf(recording))
          expect(segments).toContainEqual(expect.objectContaining({ pointer: pointerOf(path), text: CANARY }))
          seen++
        } catch (error) {
          if (!(error instanceof CustomhouseError)) throw error
          refused.add(String(path.at(-1)))
        }
      }
    }
    expect(seen).toBeGreaterThan(90)
    expect([...refused].sort()).toEqual(['anthropic_version', 'name', 'role'])
  })

  it('of other families: refused', () => {
    const others = invokeRecordings(false) ?? []
    expect(others.length).toBeGreaterThan(5)
    for (const recording of others) {
      expect(() => read(recording.request.body, pathOf(recording))).toThrow(
        of('ERR_CALL_UNSUPPORTED', '/anthropic_version'),
      )
    }
  })

  it('a canary of its own in every leaf of an answer is a part', () => {
    let seen = 0
    for (const { file, response } of recorded ?? []) {
      const trees = response.framing === 'json' ? [JSON.parse(response.bytes.toString())] : eventsOf(response.bytes)
      const isKind = (path: string) => /^(?:type|content_block\/type|stop_reason|delta\/stop_reason)$/.test(path)
      const given = trees.map((tree, at) => {
        const names = objectsOf(tree).reduceRight<unknown>(
          (json, path) => planted(json, [...path, `${CANARY}${at}`], 1),
          tree,
        )
        return leavesOf(tree)
          .filter(({ path }) => !isKind(path.join('/')))
          .reduce<unknown>((json, { path }) => planted(json, path, `c${at}${pointerOf(path)}`), names)
      })
      const events =
        response.framing === 'json' ? decode(call(), JSON.stringify(given[0])) : decode(streamCall, chunks(...given))
      const parts = events.flatMap(({ parts }) => parts)
      const expected = given.flatMap((tree) => leavesOf(tree).map(({ text }) => text))
      const texts = parts.filter(({ pointer }) => !pointer.endsWith('#')).map(({ text }) => text)
      expect(texts.toSorted(), file).toEqual(expected.toSorted())
      expect(parts.filter(({ text }) => text.startsWith(CANARY)).length).toBe(
        trees.flatMap((tree) => objectsOf(tree)).length,
      )
      seen += expected.length
    }
    expect(seen).toBeGreaterThan(300)
  })

  it('are the same to the SDK, and to us when they are read again', async () => {
    for (const { file, response } of streams) {
      const events = decode(streamCall, response.bytes)
      const written = encode(streamCall, events)
      expect(await bySdk(written), file).toEqual(await bySdk(response.bytes))
      expect(seenAs(decode(streamCall, written))).toEqual(seenAs(events))
      expect(eventsOf(written)).toEqual(eventsOf(response.bytes))
    }
  })

  it('in single bytes, in two and in many pieces: the same events, and the same bytes of ours', () => {
    for (const { file, response } of streams) {
      const { bytes } = response
      const expected = seenAs(decode(streamCall, bytes))
      const cut = (bounds: readonly number[]) => {
        const all = [0, ...bounds, bytes.length]
        const pieces = all.slice(1).map((to, i) => bytes.subarray(all[i], to))
        return seenAs(drain(bedrockInvoke.decode(streamCall, 200, STREAM_TYPE), pieces))
      }
      expect(cut([...bytes.keys()].slice(1)), file).toBe(expected)
      if (bytes.length < 3000) for (let at = 1; at < bytes.length; at++) expect(cut([at]), `${at}`).toBe(expected)
      fc.assert(
        fc.property(fc.uniqueArray(fc.nat(bytes.length - 1), { maxLength: 40 }), (bounds) => {
          expect(cut(bounds.sort((a, b) => a - b))).toBe(expected)
        }),
        { numRuns: 10 },
      )
    }
  })
})
