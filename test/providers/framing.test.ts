import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Answer, Provider } from '../../src/core/port.ts'
import { createOpenAI } from '../../src/providers/openai.ts'
import { head, type Recorder, recordings, replay, type Script, type Step, startRecorder } from '../kit/index.ts'
import { dispatch } from './setup.ts'

let recorder: Recorder
let provider: Provider
beforeAll(async () => {
  recorder = await startRecorder({ answer: () => ['reset'] })
  provider = createOpenAI({
    name: 'p',
    baseUrl: `${recorder.url}/v1`,
    credential: null,
    timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 },
    maxSockets: 4,
  })
})
afterAll(async () => {
  await provider.close()
  await recorder.close()
})

function ask(script: Script): Promise<Answer> {
  recorder.script(() => script)
  return provider.open(dispatch(recorder.url), new AbortController().signal)
}

/** What a reader got, and how it ended. */
async function read(script: Script, how: 'whole' | 'iterator'): Promise<{ bytes: Buffer; code: string }> {
  const chunks: Uint8Array[] = []
  try {
    const answer = await ask(script)
    if (how === 'whole') chunks.push(await answer.body.whole(1 << 22))
    else for await (const chunk of answer.body) chunks.push(chunk)
    return { bytes: Buffer.concat(chunks), code: 'fine' }
  } catch (error) {
    if (!(error instanceof CustomhouseError)) throw error
    return { bytes: Buffer.concat(chunks), code: error.code }
  }
}

type Answered = Readonly<{ pieces: readonly Uint8Array[]; chunked: boolean; close: boolean; cuts: readonly number[] }>

const answered: fc.Arbitrary<Answered> = fc.record({
  pieces: fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 8 }),
  chunked: fc.boolean(),
  close: fc.boolean(),
  cuts: fc.array(fc.nat(2000), { maxLength: 8 }),
})
const how = fc.constantFrom('whole', 'iterator' as const)

function wireOf({ pieces, chunked, close }: Answered): Buffer {
  const connection: Record<string, string> = close ? { connection: 'close' } : {}
  if (!chunked) {
    const body = Buffer.concat(pieces)
    return Buffer.concat([Buffer.from(head(200, { ...connection, 'content-length': String(body.length) })), body])
  }
  const framed = pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
  )
  return Buffer.concat([
    Buffer.from(head(200, { ...connection, 'transfer-encoding': 'chunked' })),
    ...framed,
    Buffer.from('0\r\n\r\n'),
  ])
}

/** Writes that end at the given places, each in a turn of the loop of its own. */
function inWrites(wire: Buffer, cuts: readonly number[]): Step[] {
  const ends = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b)
  const steps: Step[] = []
  let from = 0
  for (const end of [...ends, wire.length]) {
    if (end > from) steps.push({ write: wire.subarray(from, end) }, { waitMs: 0 })
    from = Math.max(from, end)
  }
  return steps
}

describe('an answer on the wire', () => {
  it('is the same however it is framed and cut', async () => {
    await fc.assert(
      fc.asyncProperty(answered, how, async (answer, reader) => {
        const ending: Step[] = answer.close ? ['fin'] : []
        const { bytes, code } = await read([...inWrites(wireOf(answer), answer.cuts), ...ending], reader)
        expect(code).toBe('fine')
        expect(bytes.equals(Buffer.concat(answer.pieces))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  it('that breaks off anywhere before its end is never taken for complete', async () => {
    await fc.assert(
      fc.asyncProperty(
        answered,
        how,
        fc.nat(),
        fc.constantFrom<Step>('fin', 'reset'),
        async (answer, reader, at, ending) => {
          const wire = wireOf(answer)
          const broken = wire.subarray(0, at % wire.length)
          const { bytes, code } = await read([...inWrites(broken, answer.cuts), ending], reader)
          const began = broken.includes('\r\n\r\n')
          expect(code).toBe(began ? 'ERR_PROVIDER_TRUNCATED' : 'ERR_PROVIDER_UNREACHABLE')
          expect(Buffer.concat(answer.pieces).subarray(0, bytes.length).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  const kept = recordings('openai/openai-chat')
  it.skipIf(kept === null)(
    'recorded from OpenAI comes through byte for byte (needs CUSTOMHOUSE_FIXTURES)',
    async () => {
      for (const recording of kept ?? []) {
        for (const reader of ['whole', 'iterator'] as const) {
          const { bytes, code } = await read(replay(recording, { size: 1000 }), reader)
          expect(code).toBe('fine')
          expect(bytes.equals(recording.response.bytes)).toBe(true)
        }
      }
      expect(kept?.length).toBeGreaterThan(10)
    },
  )
})
