import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ground, layGround } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { canTrace, type Served, serve } from '../serve.ts'

/**
 * The order of the system calls of the real process: the intent's fdatasync has returned before the first byte goes upstream, and the
 * outcome's before the client reads the first event that says "finished".
 */

const SAYS = 'WORDS-OF-THE-ANSWER'
type Asked = Readonly<{ call: string; streamed: boolean }>

/** One system call, at the place in the trace where it was entered and where it returned. */
type Call = { readonly name: string; readonly args: string; readonly entered: number; returned: number; result: string }

describe.skipIf(!canTrace())('strace on the real process', () => {
  let ground: Ground
  let upstream: Recorder
  let served: Served
  const asked: Asked[] = []
  let calls: Call[] = []

  beforeAll(async () => {
    upstream = await startRecorder({
      answer: (request) =>
        request.body.toString().includes('"stream":true')
          ? stream(openaiStream({ texts: [SAYS] }, { includeUsage: true }), { everyMs: 2 })
          : whole(openaiAnswer({ texts: [SAYS] })),
    })
    ground = await layGround({ providers: { one: { url: `${upstream.url}/v1` } } })
    const out = join(ground.folder, 'trace')
    served = await serve(ground, {
      tracer: [
        'strace',
        '-f',
        '-qq',
        '-yy',
        '-s',
        '4000',
        '-e',
        'trace=write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync',
        '-o',
        out,
      ],
    })
    for (let i = 0; i < 8; i++) {
      const streamed = i % 2 === 1
      const answer = await fetch(`${served.baseURL}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ground.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'gpt-4o',
          stream: streamed,
          messages: [{ role: 'user', content: `question ${i}` }],
        }),
      })
      expect(await answer.text()).toContain(SAYS)
      asked.push({ call: answer.headers.get('x-customhouse-call') ?? '', streamed })
    }
    process.kill(served.pid, 'SIGTERM')
    expect(await served.exited).toBe(0)
    calls = parse(readFileSync(out, 'utf8'))
  }, 120_000)

  afterAll(async () => {
    served?.child.kill('SIGKILL')
    await upstream?.close()
    ground?.remove()
  })

  const inLedger = (call: Call): boolean => call.args.includes('/ledger/') && call.args.includes('.seg')
  const toUpstream = (call: Call): boolean => call.args.slice(0, 200).includes(`->127.0.0.1:${upstream.port}`)

  /** Where the record of a kind for a call was durable: the return of the first fdatasync after its bytes were written. */
  function durable(kind: string, id: string): number {
    const written = calls.find(
      (call) => call.name !== 'fdatasync' && inLedger(call) && call.args.includes(id) && call.args.includes(kind),
    )
    expect(written, `${kind} of ${id} was written`).toBeDefined()
    const synced = calls.find(
      (call) =>
        call.name === 'fdatasync' && inLedger(call) && call.result === '0' && call.entered > (written?.returned ?? 0),
    )
    expect(synced, `${kind} of ${id} was synced`).toBeDefined()
    return synced?.returned ?? Number.POSITIVE_INFINITY
  }

  test('something was traced', () => {
    expect(calls.filter(inLedger).length).toBeGreaterThan(16)
    expect(calls.filter(toUpstream).length).toBeGreaterThanOrEqual(8)
  })

  test('the intent is durable before the first write upstream', () => {
    for (const [index, { call }] of asked.entries()) {
      const sent = calls.find((entry) => toUpstream(entry) && entry.args.includes(`question ${index}`))
      const began = calls.filter((entry) => toUpstream(entry) && entry.entered <= (sent?.entered ?? 0)).at(-1)
      expect(sent, `question ${index} was sent`).toBeDefined()
      expect(durable('call.intent', call)).toBeLessThan(began?.entered ?? -1)
    }
  })

  test('the outcome is durable before the client reads "finished"', () => {
    for (const { call, streamed } of asked) {
      // Of a whole answer every byte; of a stream the first event with a finish_reason.
      const head = calls.find(
        (entry) =>
          !inLedger(entry) &&
          !toUpstream(entry) &&
          entry.args.includes('TCP') &&
          entry.args.includes(`x-customhouse-call: ${call}`),
      )
      expect(head, `the answer to ${call}`).toBeDefined()
      const finished = streamed
        ? calls.find(
            (entry) =>
              entry.entered >= (head?.entered ?? 0) &&
              !inLedger(entry) &&
              entry.args.includes('TCP') &&
              !toUpstream(entry) &&
              entry.args.includes('finish_reason\\":\\"stop'),
          )
        : head
      expect(finished, `"finished" of ${call}`).toBeDefined()
      expect(durable('call.outcome', call)).toBeLessThan(finished?.entered ?? -1)
      // A stream has begun before: the hold is for the end alone.
      if (streamed) expect(head?.entered).toBeLessThan(durable('call.outcome', call))
    }
  })
})

/** Reads `strace -f -o`: a call that others interrupt is cut into "unfinished" and "resumed". */
function parse(trace: string): Call[] {
  const found: Call[] = []
  const open = new Map<string, Call>()
  for (const [at, line] of trace.split('\n').entries()) {
    const whole = /^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)/.exec(line)
    const begun = /^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$/.exec(line)
    const resumed = /^(\d+)\s+<\.\.\. (\w+) resumed>.*= (-?\d+)/.exec(line)
    if (begun !== null) {
      const call: Call = {
        name: begun[2] ?? '',
        args: begun[3] ?? '',
        entered: at,
        returned: Number.POSITIVE_INFINITY,
        result: '',
      }
      open.set(`${begun[1]} ${begun[2]}`, call)
      found.push(call)
    } else if (resumed !== null) {
      const call = open.get(`${resumed[1]} ${resumed[2]}`)
      if (call !== undefined) Object.assign(call, { returned: at, result: resumed[3] ?? '' })
    } else if (whole !== null) {
      found.push({ name: whole[2] ?? '', args: whole[3] ?? '', entered: at, returned: at, result: whole[4] ?? '' })
    }
  }
  return found
}
