import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { play } from '../pipeline/scene.ts'

/** A policy that comes to no decision, in every way there is: 403 in the dialect with a rule id, nothing sent, one record. */

const MAIN = `
# METADATA
# custom:
#   controls: [probe]
package customhouse

# METADATA
# entrypoint: true
# scope: document
decision := answer if case in {"allow", "silent", "builtin-error", "fuel", "endless", "conflict", "slow", "slow-answer"}

decision := {"targets": "all of them"} if case == "malformed"

decision := object.union(answer, {"surprise": true}) if case == "unknown-member"

decision := {"targets": {}} if case == "no-verdict"

case := object.get(input.call.metadata, "case", "allow")

targets := input.targets if input.phase == "request"

targets := [input.target] if input.phase == "response"

verdicts[target.id] := {
	"effect": "allow",
	"satisfied": [name | some name in ["probe"]; data.controls.probe.satisfied[target.id]],
	"reasons": [],
	"obligations": [],
} if some target in targets

answer := {"targets": verdicts} if input.phase == "request"

answer := verdicts[input.target.id] if input.phase == "response"
`

const PROBE = `
package controls.probe

import data.customhouse.case
import data.customhouse.targets

obligations[target.id] := [] if some target in targets

satisfied[target.id] := true if {
	some target in targets
	input.call.principal.tenant == "claims"
	well
}

well if case in {"allow", "malformed", "unknown-member", "no-verdict"}

well if {
	case == "builtin-error"
	to_number(input.call.model) > 0
}

well if {
	case == "endless"
	replace(input.call.model, "", "x") != ""
}

well if {
	case == "fuel"
	numbers := [n | n := numbers.range(1, 3000)[_]]
	count([1 | some a in numbers; some b in numbers; a > b]) > 0
}

well if {
	case == "slow"
	numbers := [n | n := numbers.range(1, 500)[_]]
	count([1 | some a in numbers; some b in numbers; a < b; b < a]) > 0
}

well if {
	case == "slow-answer"
	input.phase == "request"
}

well if {
	case == "slow-answer"
	input.phase == "response"
	text := json.marshal(numbers.range(1, 1000))
	every n in numbers.range(1, 380) { count(json.unmarshal(text)) > n }
}

well if {
	case == "conflict"
	two == 1
}

two := 1 if input.call.model != ""

two := 2 if input.call.operation != ""
`

let upstream: Recorder
let house: House

beforeAll(async () => {
  upstream = await startRecorder({
    answer: (request) =>
      request.body.toString().includes('"stream":true')
        ? stream(openaiStream({ texts: ['fine'] }))
        : whole(openaiAnswer({ texts: ['fine'] })),
  })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    policies: { 'main.rego': MAIN, 'controls/probe/probe.rego': PROBE },
    // What is large is evaluated in a worker, which has hardly any time.
    config: { limits: { policy: { input: '16KiB', time: '5ms', share: 100 } } },
  })
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

/** All that one evaluation may use. */
const BUDGET = 10_000_000
const SOME = 100

/** `tools`: how many bytes of names of tools the call has. `fuel`: what is on record for it, at least. */
const rows: readonly (readonly [kind: string, rule: string, fuel: number, tools: number])[] = [
  ['undefined', 'policy/undefined', SOME, 0],
  ['malformed', 'policy/malformed', SOME, 0],
  ['unknown-member', 'policy/malformed', SOME, 0],
  ['no-verdict', 'policy/malformed', SOME, 0],
  ['conflict', 'policy/threw', SOME, 0],
  ['fuel', 'policy/out-of-fuel', BUDGET, 0],
  ['endless', 'policy/out-of-fuel', BUDGET, 0],
  ['builtin-error', 'probe/unsatisfied', SOME, 0],
  ['silent', 'probe/unsatisfied', SOME, 0],
  ['fuel', 'policy/late', BUDGET, 20_000],
  ['allow', 'policy/input-too-large', 0, 1_100_000],
]

/** Tools whose names come to so many bytes. */
const toolsOf = (bytes: number): object => {
  if (bytes === 0) return {}
  const name = (index: number): string => `${index}`.padEnd(50, 'x')
  const tools = Array.from({ length: bytes / 50 }, (_, n) => ({ type: 'function', function: { name: name(n) } }))
  return { tools }
}

describe.each([{ streamed: false }, { streamed: true }])('streamed: $streamed', ({ streamed }) => {
  const ask = (kind: string, tools = 0): Promise<Response> =>
    fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${house.key}`,
        'content-type': 'application/json',
        'x-customhouse-meta-case': kind,
      },
      body: JSON.stringify({
        model: 'gpt-4o',
        stream: streamed,
        messages: [{ role: 'user', content: 'hello' }],
        ...toolsOf(tools),
      }),
    })

  test.each(rows)('%s is a denial: %s', async (kind, rule, fuel, tools) => {
    const before = upstream.requests.length
    const answer = await ask(kind, tools)
    const { error } = (await answer.json()) as { error: { message: string; code: string } }
    expect(answer.status).toBe(403)
    expect(error.code).toBe('policy_denied')
    expect(error.message).toContain(rule)
    const id = answer.headers.get('x-customhouse-call')
    const trail = (await house.records()).filter(({ call }) => call === id)
    expect(trail.map((record) => record.kind)).toEqual(['call.denied'])
    expect(JSON.stringify(trail[0]?.body.reasons)).toContain(`"rule":"${rule}"`)
    expect(trail[0]?.body.decision).toMatchObject({
      fuel: fuel === BUDGET ? BUDGET : expect.toSatisfy((n) => n >= fuel),
    })
    expect(upstream.requests.length).toBe(before)
    // The next call is none the worse.
    const next = await ask('allow')
    expect(await next.text()).toContain('fine')
    expect(next.status).toBe(200)
  })
})

describe.each([{ streamed: false }, { streamed: true }])(
  'too many wait for the policy, streamed: $streamed',
  ({ streamed }) => {
    test('503 with retry-after, nothing is sent, and those that wait are decided; then all is as before', async () => {
      const crowded = await startHouse({
        providers: { one: { url: `${upstream.url}/v1` } },
        policies: { 'main.rego': MAIN, 'controls/probe/probe.rego': PROBE },
        config: { limits: { policy: { input: '1KiB', time: '1m' } } },
      })
      try {
        const before = upstream.requests.length
        const ask = (kind: string, tools: number): Promise<Response> =>
          fetch(`${crowded.baseURL}/chat/completions`, {
            method: 'POST',
            headers: {
              authorization: `Bearer ${crowded.key}`,
              'content-type': 'application/json',
              'x-customhouse-meta-case': kind,
            },
            body: JSON.stringify({
              model: 'gpt-4o',
              stream: streamed,
              messages: [{ role: 'user', content: 'hello' }],
              ...toolsOf(tools),
            }),
          })
        const answers = await Promise.all(Array.from({ length: 200 }, () => ask('slow', 1_000)))
        const refused = answers.filter(({ status }) => status === 503)
        expect(refused.length).toBeGreaterThan(0)
        for (const answer of refused) expect(answer.headers.get('retry-after')).toBe('1')
        expect(answers.filter(({ status }) => status === 403)).toHaveLength(200 - refused.length)
        expect(answers.length - refused.length).toBeGreaterThanOrEqual(64)
        await Promise.all(answers.map((answer) => answer.text()))
        expect(upstream.requests.length).toBe(before)
        // Each of the others is one denial on record; those that were not judged are counted.
        expect((await crowded.trail()).map(({ kind }) => kind)).toEqual(
          Array.from({ length: 200 - refused.length }, () => 'call.denied'),
        )
        const next = await ask('allow', 1_000)
        expect(await next.text()).toContain('fine')
      } finally {
        await crowded.stop()
      }
    })

    test('in the middle of an answer: nothing more of it is released, and its record says why', async () => {
      const overloaded = new CustomhouseError('ERR_GATEWAY_OVERLOADED', 'Too many calls of this tenant wait.', {
        detail: { retry_after_seconds: 1 },
      })
      const chunks = streamed
        ? openaiStream({ texts: ['fine'] }).map((chunk) => Buffer.from(chunk))
        : [JSON.stringify(openaiAnswer({ texts: ['fine'] }))]
      for (const response of [() => Promise.reject(overloaded), () => Promise.reject(new Error('worker'))]) {
        const played = await play({ streamed, chunks, decider: { response } })
        expect(played.text).not.toContain('fine')
        expect(played.journal.filter((line) => line.startsWith('write'))).toEqual([])
        const [outcome] = played.outcomes
        expect(played.outcomes).toHaveLength(1)
        expect(outcome?.body.ending).toBe('denied')
      }
      const thrown: number[] = []
      const played = await play({
        streamed,
        chunks,
        decider: {
          response: () => {
            thrown.push(1)
            throw overloaded
          },
        },
      })
      expect(thrown).toHaveLength(1)
      expect(played.status).toBe(503)
      expect(played.headers['retry-after']).toBe('1')
      expect(JSON.stringify(played.outcomes[0]?.body.reasons)).toContain('policy/overloaded')
    })
  },
)

describe.each([{ streamed: false }, { streamed: true }])(
  'answers wait for the policy, streamed: $streamed',
  ({ streamed }) => {
    /** A house in which every evaluation waits for the worker, and one about an answer takes some 200 ms there. */
    async function slowHouse() {
      const house = await startHouse({
        providers: { one: { url: `${upstream.url}/v1` } },
        policies: { 'main.rego': MAIN, 'controls/probe/probe.rego': PROBE },
        config: {
          limits: { policy: { input: '1KiB', time: '1m' } },
          drain: { pre_stop_delay: '0ms', timeout: '10ms' },
        },
      })
      const ask = (kind: string, signal: AbortSignal | null = null): Promise<Response> =>
        fetch(`${house.baseURL}/chat/completions`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${house.key}`,
            'content-type': 'application/json',
            'x-customhouse-meta-case': kind,
          },
          body: JSON.stringify({
            model: 'gpt-4o',
            stream: streamed,
            messages: [{ role: 'user', content: 'hello' }],
            ...toolsOf(1_000),
          }),
          signal,
        })
      const endings = async (): Promise<readonly unknown[]> =>
        (await house.trail()).filter(({ kind }) => kind === 'call.outcome').map(({ body }) => body.ending)
      return { house, ask, endings }
    }

    test('and the gateway stops: each is told so, each intent has its outcome, and nobody waits for the worker', async () => {
      const { house, ask, endings } = await slowHouse()
      const before = upstream.requests.length
      const calls = Array.from({ length: 50 }, async () => {
        const answer = await ask('slow-answer')
        return { status: answer.status, text: await answer.text() }
      })
      const answers = Promise.allSettled(calls)
      await expect.poll(() => upstream.requests.length - before, { timeout: 60_000 }).toBe(50)
      const intents = async () => (await house.trail()).filter(({ kind }) => kind === 'call.intent').length
      expect(await intents()).toBe(50)
      await house.customhouse.stop()
      const ends = await endings()
      expect(ends).toHaveLength(50)
      const drained = ends.filter((ending) => ending === 'drained').length
      expect(drained).toBeGreaterThan(10)
      let told = 0
      for (const answer of await answers) {
        if (answer.status === 'rejected') throw answer.reason
        const { status, text } = answer.value
        if (text.includes('fine')) continue
        expect(status).toBe(503)
        expect(text).toContain('gateway_draining')
        told += 1
      }
      expect(told).toBe(drained)
      expect(house.logged.filter(({ msg }) => msg === 'calls are still open as the ledger is closed')).toEqual([])
      await house.stop()
    })

    test('and their clients leave: each is on record, and none keeps a place in the line', async () => {
      const { house, ask, endings } = await slowHouse()
      const before = upstream.requests.length
      const gone = new AbortController()
      const calls = Promise.allSettled(Array.from({ length: 60 }, () => ask('slow-answer', gone.signal)))
      await expect.poll(() => upstream.requests.length - before, { timeout: 60_000 }).toBe(60)
      gone.abort()
      await calls
      // In the line there is room for all of these, since nobody is in it any more.
      const next = await Promise.all(Array.from({ length: 50 }, () => ask('allow')))
      for (const answer of next) expect(await answer.text()).toContain('fine')
      await expect.poll(async () => (await endings()).length, { timeout: 20_000 }).toBe(110)
      const left = (await endings()).filter((ending) => ending === 'client_gone')
      expect(left.length).toBeGreaterThan(30)
      await house.stop()
    })
  },
)
