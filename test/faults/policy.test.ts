import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'

/** A policy that comes to no decision, in every way there is: 403 in the dialect with a rule id, nothing sent, one record. */

const MAIN = `
# METADATA
# custom:
#   controls: [probe]
package customhouse

# METADATA
# entrypoint: true
# scope: document
decision := answer if case in {"allow", "silent", "builtin-error", "fuel", "endless", "conflict"}

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
  })
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

const rows: readonly (readonly [kind: string, rule: string])[] = [
  ['undefined', 'policy/undefined'],
  ['malformed', 'policy/malformed'],
  ['unknown-member', 'policy/malformed'],
  ['no-verdict', 'policy/malformed'],
  ['conflict', 'policy/threw'],
  ['fuel', 'policy/out-of-fuel'],
  ['endless', 'policy/out-of-fuel'],
  ['builtin-error', 'probe/unsatisfied'],
  ['silent', 'probe/unsatisfied'],
]

describe.each([{ streamed: false }, { streamed: true }])('streamed: $streamed', ({ streamed }) => {
  const ask = (kind: string): Promise<Response> =>
    fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${house.key}`,
        'content-type': 'application/json',
        'x-customhouse-meta-case': kind,
      },
      body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content: 'hello' }] }),
    })

  test.each(rows)('%s is a denial: %s', async (kind, rule) => {
    const before = upstream.requests.length
    const answer = await ask(kind)
    const { error } = (await answer.json()) as { error: { message: string; code: string } }
    expect(answer.status).toBe(403)
    expect(error.code).toBe('policy_denied')
    expect(error.message).toContain(rule)
    const id = answer.headers.get('x-customhouse-call')
    const trail = (await house.records()).filter(({ call }) => call === id)
    expect(trail.map((record) => record.kind)).toEqual(['call.denied'])
    expect(JSON.stringify(trail[0]?.body.reasons)).toContain(`"rule":"${rule}"`)
    expect(upstream.requests.length).toBe(before)
    // The next call is none the worse.
    const next = await ask('allow')
    expect(await next.text()).toContain('fine')
    expect(next.status).toBe(200)
  })
})
