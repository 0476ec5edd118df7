import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { encodeEvent } from '../../src/dialects/eventstream.ts'
import {
  bedrockRecordings,
  codecOf,
  decode,
  encode,
  inbound,
  isStream,
  JSON_TYPE,
  pathOf,
  payloadsOf,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { leavesOf, objectsOf, planted, pointerOf } from './leaves.ts'

/**
 * A canary in every string leaf, and as a new member in every object, of every recording: an inspector must see it, or the call must
 * be refused. Skipped, and said so, where the recordings are absent.
 */
const converse = bedrockRecordings()
const asked = [...(converse ?? []), ...(bedrockRecordings('bedrock-count-tokens') ?? [])].filter(
  ({ request }) => !JSON.stringify(request.body).includes('invokeModel'),
)
const CANARY = 'canary 4111-1111 ü'

const refusal = (path: string, body: unknown): CustomhouseError | ModelCall => {
  try {
    return codecOf(path).read(inbound(body, path))
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
}

describe.skipIf(converse === null)('requests (skipped without fixtures)', () => {
  it('every string leaf of every recording is a segment, in document order', () => {
    for (const recording of asked) {
      const call = refusal(pathOf(recording), recording.request.body)
      if (call instanceof CustomhouseError) throw call
      const strings = call.segments.filter(({ pointer }) => !pointer.endsWith('#'))
      expect(
        strings.map(({ pointer, text }) => ({ pointer, text })),
        recording.file,
      ).toEqual(leavesOf(recording.request.body).map(({ path, text }) => ({ pointer: pointerOf(path), text })))
    }
  })

  // Refused are roles that nobody knows, and names of tools that are prose; nothing else.
  it.each([
    [CANARY, ['name', 'role']],
    ['canary-4111', ['role']],
  ])('%j in any leaf is seen where it stands, or the call is refused for %j', (canary, where) => {
    let seen = 0
    const refused = new Set<string>()
    for (const recording of asked) {
      for (const { path } of leavesOf(recording.request.body)) {
        const pointer = pointerOf(path)
        const read = refusal(pathOf(recording), planted(recording.request.body, path, canary))
        if (read instanceof CustomhouseError) {
          expect(['ERR_CALL_MALFORMED', 'ERR_CALL_UNSUPPORTED']).toContain(read.code)
          refused.add(String(path.at(-1)))
        } else {
          expect(read.segments, `${recording.file} ${pointer}`).toContainEqual(
            expect.objectContaining({ pointer, text: canary }),
          )
          seen++
        }
      }
    }
    expect(seen).toBeGreaterThan(350)
    expect([...refused].sort()).toEqual(where)
  })

  // Refused are members of the body itself, of its input, and fields of the model; in a union it is unread, which refuses the call as well.
  it('a member of a new name in any object is seen by name, and so is what stands in it, or the call is refused', () => {
    let seen = 0
    const refused = new Set<string>()
    for (const recording of asked) {
      for (const path of objectsOf(recording.request.body)) {
        const pointer = `${pointerOf(path)}/${CANARY}`
        const body = planted(recording.request.body, [...path, CANARY], ['deep', { deeper: 'deepest' }])
        const read = refusal(pathOf(recording), body)
        if (read instanceof CustomhouseError) {
          expect(['ERR_CALL_MALFORMED', 'ERR_CALL_UNSUPPORTED']).toContain(read.code)
          refused.add(pointerOf(path))
          continue
        }
        for (const [at, text] of [
          [`${pointer}#`, CANARY],
          [`${pointer}/0`, 'deep'],
          [`${pointer}/1/deeper#`, 'deeper'],
          [`${pointer}/1/deeper`, 'deepest'],
        ]) {
          expect(read.segments, `${recording.file} ${pointer}`).toContainEqual(
            expect.objectContaining({ pointer: at, text }),
          )
        }
        seen++
      }
    }
    expect(seen).toBeGreaterThan(500)
    expect([...refused].sort()).toEqual([
      '',
      '/additionalModelRequestFields',
      '/additionalModelRequestFields/inferenceConfig',
      '/input',
      '/input/converse',
    ])
  })
})

const texts = (events: readonly ModelEvent[]): ReadonlySet<string> =>
  new Set(events.flatMap(({ parts }) => parts.map(({ pointer, text }) => `${pointer} ${text}`)))

type Payload = ReturnType<typeof payloadsOf>[number]
const framed = (payloads: readonly Payload[]): Buffer =>
  Buffer.concat(payloads.map(({ type, payload }) => encodeEvent(type, Buffer.from(JSON.stringify(payload)))))

/** Leaves that the state of a stream hangs on: another value is no answer. `p` is padding, and goes no further. */
const isKept = (type: string, pointer: string): boolean =>
  pointer === '/p' || (type === 'messageStart' && pointer === '/role')

describe.skipIf(converse === null)('answers (skipped without fixtures)', () => {
  const whole = converse?.filter((recording) => !isStream(recording)) ?? []
  const streams =
    converse?.filter(isStream).map(({ file, response }) => ({ file, payloads: payloadsOf(response.bytes) })) ?? []

  it('a canary in any leaf of a whole answer or an error is a part', () => {
    let seen = 0
    for (const { file, response } of whole) {
      const body: unknown = JSON.parse(response.bytes.toString())
      for (const { path } of leavesOf(body)) {
        const events = decode(wholeCall, JSON.stringify(planted(body, path, CANARY)), response.status, JSON_TYPE)
        expect(texts(events), file).toContain(`${pointerOf(path)} ${CANARY}`)
        seen++
      }
      for (const path of objectsOf(body)) {
        const events = decode(
          wholeCall,
          JSON.stringify(planted(body, [...path, CANARY], 1)),
          response.status,
          JSON_TYPE,
        )
        expect(texts(events), file).toContain(`${pointerOf(path)}/${CANARY}# ${CANARY}`)
        seen++
      }
    }
    expect(seen).toBeGreaterThan(250)
  })

  it('a canary of its own in every leaf of a stream, all at once: each is a part, once', () => {
    let seen = 0
    for (const { file, payloads } of streams) {
      const bent = payloads.map(({ type, payload }, event) => {
        const own = leavesOf(payload).filter(({ path }) => !isKept(type, pointerOf(path)))
        const json = own.reduce<unknown>(
          (json, { path }) => planted(json, path, `c${event}${pointerOf(path)}`),
          payload,
        )
        return { type, payload: json as Payload['payload'] }
      })
      const expected = bent.flatMap(({ payload }) =>
        leavesOf(payload).flatMap(({ path, text }) => (pointerOf(path) === '/p' ? [] : [text])),
      )
      const events = decode(streamCall, framed(bent))
      const found = events.flatMap(({ parts }) => parts.filter(({ pointer }) => !pointer.endsWith('#')))
      expect(
        found.map(({ text }) => text),
        file,
      ).toEqual(expected)
      seen += expected.length
    }
    expect(seen).toBeGreaterThan(900)
  })

  it('a member of a new name in any object of a stream is a part, or the stream is refused', () => {
    let seen = 0
    for (const { payloads } of streams) {
      // A second member in a delta or a start is another kind of content: refused, and a case of its own in the decoder's tests.
      const paths = payloads.map(({ payload }) =>
        objectsOf(payload).filter((path) => !['delta', 'start'].includes(String(path.at(-1)))),
      )
      const bent = payloads.map(({ type, payload }, event) => ({
        type,
        payload: (paths[event] ?? []).reduceRight<unknown>(
          (json, path) => planted(json, [...path, CANARY], 1),
          payload,
        ) as Payload['payload'],
      }))
      const events = decode(streamCall, framed(bent))
      const names = events.flatMap(({ parts }) => parts.filter(({ pointer }) => pointer.endsWith(`${CANARY}#`)))
      expect(names).toHaveLength(paths.flat().length)
      seen += names.length
    }
    expect(seen).toBeGreaterThan(900)
  })

  it('what is not a part never reaches the client: every string leaf written is one', () => {
    for (const { payloads } of streams) {
      const events = decode(streamCall, framed(payloads))
      const parts = new Set(events.flatMap(({ parts }) => parts.map(({ text }) => text)))
      for (const { payload } of payloadsOf(encode(streamCall, events))) {
        for (const { text } of leavesOf(payload)) expect(parts).toContain(text)
      }
    }
  })
})
