import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type SseEvent, sseDecoder } from '../../src/dialects/sse.ts'
import { messageRecordings } from './anthropic-calls.ts'
import { chatRecordings, PROVIDERS } from './calls.ts'

function events(chunks: readonly Uint8Array[], limit = 1 << 20): string[] {
  const decoder = sseDecoder(limit)
  const out = chunks.flatMap((chunk) => decoder.push(chunk)).map(({ type, data }) => `${type}|${Buffer.from(data)}`)
  const rest = decoder.end()
  return rest === null ? out : [...out, `rest|${Buffer.from(rest)}`]
}

const of = (text: string): string[] => events([Buffer.from(text)])

describe('WHATWG HTML 9.2.6', () => {
  it.each<[string, string, string[]]>([
    ['LF', 'data: a\n\ndata: b\n\n', ['|a', '|b']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['|a', '|b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['|a', '|b']],
    ['a mixture', 'data: a\r\n\ndata: b\r\r\ndata: c\n\r\n', ['|a', '|b', '|c']],
    ['several data lines', 'data: a\ndata: b\ndata:\ndata: c\n\n', ['|a\nb\n\nc']],
    ['no space, one space, two', 'data:a\n\ndata: a\n\ndata:  a\n\n', ['|a', '|a', '| a']],
    ['a tab is no space', 'data:\ta\n\n', ['|\ta']],
    ['colons in the data', 'data: a: b:\n\n', ['|a: b:']],
    ['comments', ': ping\n\n:\n:x\ndata: a\n: y\n\n', ['|a']],
    ['an event type', 'event: error\ndata: a\n\ndata: b\n\n', ['error|a', '|b']],
    ['the last type counts', 'event: x\nevent: y\ndata: a\n\n', ['y|a']],
    ['id and retry and the unknown', 'id: 1\nretry: 5\nfoo: x\ndata: a\n\n', ['|a']],
    ['data without a colon', 'data\n\ndata\ndata\n\ndata:', ['|', '|\n', 'rest|']],
    ['an event without data', 'event: x\n\ndata: a\n\n', ['|a']],
    ['names are exact', 'Data: x\n data: x\ndata : x\ndata: a\n\n', ['|a']],
    ['a byte order mark at the start', '\ufeffdata: a\n\n', ['|a']],
    ['a second one is no mark', '\ufeff\ufeffdata: a\n\n', []],
    ['a mark later is text', 'data: \ufeffa\n\n', ['|\ufeffa']],
    ['blank lines before', '\n\n\r\n\rdata: a\n\n', ['|a']],
    ['an unfinished event', 'data: a\n\ndata: b\n', ['|a', 'rest|b']],
    ['an unfinished line', 'data: a\n\ndata: b', ['|a', 'rest|b']],
    ['nothing', '', []],
  ])('%s', (_, text, expected) => {
    expect(of(text)).toEqual(expected)
    expect(events([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  it('a mark that is none is given back', () => {
    expect(events([Uint8Array.of(0xef), Uint8Array.of(0xbb), Buffer.from('x\ndata: a\n\n')])).toEqual(['|a'])
  })
})

describe('limits', () => {
  it.each([
    ['one line', [`data: ${'x'.repeat(200)}`]],
    ['one line in pieces', Array.from({ length: 200 }, () => 'x')],
    ['many lines', Array.from({ length: 50 }, () => 'data: x\n')],
    ['comments without end', Array.from({ length: 50 }, () => ': x\n')],
  ])('%s', (_, texts) => {
    expect(() =>
      events(
        texts.map((text) => Buffer.from(text)),
        100,
      ),
    ).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }))
  })

  it('counts each event anew', () => {
    const one = Buffer.from(`data: ${'x'.repeat(80)}\n\n`)
    expect(
      events(
        Array.from({ length: 50 }, () => one),
        100,
      ),
    ).toHaveLength(50)
    expect(() => events([one], 50)).toThrow(CustomhouseError)
  })
})

describe('bytes may be cut anywhere', () => {
  it('any stream, cut anywhere, gives the same events; what was handed over is not looked at again', () => {
    const line = fc.oneof(
      fc.stringMatching(/^data: ?[a-zäß€😀 :]{0,12}$/u),
      fc.constantFrom('', '', ': note', 'event: error', 'id: 7', 'data', 'dat', '\ufeff'),
    )
    const ends = fc.constantFrom('\n', '\r\n', '\r')
    fc.assert(
      fc.property(fc.array(fc.tuple(line, ends)), fc.array(fc.nat(400), { maxLength: 12 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map(([text, end]) => text + end).join(''))
        const expected = events([bytes])
        const decoder = sseDecoder(1 << 20)
        const out: string[] = []
        let at = 0
        for (const cut of [...cuts.filter((c) => c < bytes.length).sort((a, b) => a - b), bytes.length]) {
          const piece = Uint8Array.from(bytes.subarray(at, cut))
          const found = decoder.push(piece)
          piece.fill(0x58)
          out.push(...found.map(({ type, data }) => `${type}|${Buffer.from(data)}`))
          at = cut
        }
        const rest = decoder.end()
        if (rest !== null) out.push(`rest|${Buffer.from(rest)}`)
        expect(out).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  const chats = chatRecordings(...PROVIDERS)
  const streams = [...(chats ?? []), ...(messageRecordings() ?? [])].filter(
    ({ response }) => response.framing === 'sse',
  )
  it.skipIf(chats === null)('every recorded stream up to 16 KB in every two pieces (skipped without fixtures)', () => {
    let cuts = 0
    for (const { file, response } of streams) {
      const { bytes } = response
      if (bytes.length > 16_384) continue
      const whole = eventsOf([bytes])
      for (let at = 0; at <= bytes.length; at++) {
        const found = eventsOf([bytes.subarray(0, at), bytes.subarray(at)])
        const same = found.length === whole.length && found.every((event, index) => isSame(event, whole[index]))
        if (!same) expect(found, `${file} cut at ${at}`).toEqual(whole)
        cuts++
      }
    }
    expect(cuts).toBeGreaterThan(250_000)
  })
})

/** What was cut off, last, as an event of a type of its own. */
function eventsOf(pieces: readonly Uint8Array[]): readonly SseEvent[] {
  const decoder = sseDecoder(1 << 20)
  const found = pieces.flatMap((piece) => decoder.push(piece))
  const rest = decoder.end()
  return rest === null ? found : [...found, { type: 'rest', data: rest }]
}

const isSame = (one: SseEvent, other: SseEvent | undefined): boolean =>
  other !== undefined && one.type === other.type && Buffer.compare(one.data, other.data) === 0
