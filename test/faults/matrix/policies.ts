import { probePolicies } from '../../probe.ts'

/**
 * A policy that comes to no decision where the header `x-customhouse-meta-case` says so: `<kind>-<point>`, the point being the request, the
 * answer (each look at it), or its end.
 */
const RULES = `
satisfied[target.id] := true if {
	some target in targets
	input.call.principal.tenant == "claims"
	not "silent" in broken
	one
	little
}

obligations[target.id] := [] if some target in targets

defined if not "undefined" in broken

broken contains kind if {
	some kind in ["undefined", "threw", "fuel", "silent"]
	some point in points
	object.get(input.call.metadata, "case", "") == concat("-", [kind, point])
}

points contains "request" if input.phase == "request"

points contains "answer" if input.phase == "response"

points contains "end" if {
	input.phase == "response"
	input.progress.finished
}

one if not "threw" in broken

one if {
	"threw" in broken
	two == 1
}

two := 1 if input.call.model != ""

two := 2 if input.call.operation != ""

little if not "fuel" in broken

little if {
	"fuel" in broken
	numbers := [n | n := numbers.range(1, 3000)[_]]
	count([1 | some a in numbers; some b in numbers; a > b]) > 0
}
`

/** The shipped main.rego, whose decision can be undefined besides, over {@link RULES}. */
export function brittlePolicies(): Record<string, string> {
  const files = probePolicies(RULES)
  const main = (files['main.rego'] ?? '')
    .replace(/obligations: \[[^\]]*\]/, 'obligations: []')
    .replace('\tinput.phase == "request"\n', '\tinput.phase == "request"\n\tdata.controls.probe.defined\n')
    .replace(
      'decision := verdicts[input.target.id] if input.phase == "response"',
      'decision := verdicts[input.target.id] if {\n\tinput.phase == "response"\n\tdata.controls.probe.defined\n}',
    )
  if (main.split('data.controls.probe.defined').length !== 3) throw new Error('main.rego is not what was expected')
  return { ...files, 'main.rego': main }
}
