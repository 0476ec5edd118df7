# METADATA
# title: The decision about a call
# description: >-
#   Goes over the controls that must answer and makes one verdict of their answers for each target. It knows no control by
#   name and holds no rule of its own but one: a control must say that it is satisfied; silence is a denial.
package customhouse

# METADATA
# title: One verdict for each target, or for the answer of one
# description: >-
#   custom.controls are the controls that must answer, custom.obligations the types that they may attach: the gateway reads
#   both when it loads the policy.
# scope: document
# entrypoint: true
# custom:
#   controls: [models, redaction, residency, routing]
#   obligations: [redact, residency.pin, retention.minimise, attempt.retry, attempt.fallback, attempt.deadline]
decision := {
	"targets": verdicts,
	"order": [target.id | some target in input.targets],
} if {
	input.phase == "request"

	# Two targets of one id would share a verdict.
	count(verdicts) == count(input.targets)
}

decision := verdicts[input.target.id] if input.phase == "response"

# METADATA
# title: The targets to judge
# description: In phase request the candidates of the call, in phase response the one that answers.
# scope: document
targets := input.targets

targets := [input.target]

required := {name | some name in input.context.controls}

verdicts[target.id] := verdict(target.id, satisfied(target.id)) if some target in targets

# A control whose obligations are not defined is not satisfied, since its permission would stand without them. They must be
# an array: a partial set forgets an element whose expression failed, an array literal is undefined as a whole.
satisfied(id) := {name |
	some name in required
	data.controls[name].satisfied[id] == true
	is_array(data.controls[name].obligations[id])
}

verdict(id, names) := {
	"effect": "allow",
	"satisfied": sort(names),
	"reasons": [],
	"obligations": [obligation |
		some name in names
		some obligation in data.controls[name].obligations[id]
	],
} if {
	names == required
	names != set()
} else := {
	"effect": "deny",
	"satisfied": sort(names),
	"reasons": [reason |
		some name in (required - names)
		some reason in reasons(name, id)
	],
	"obligations": [],
}

reasons(name, id) := {{
	"control": name,
	"rule": $"{name}/obligations",
	"controls": [],
	"message": $"The control {name} is satisfied, but its obligations are no array.",
}} if {
	data.controls[name].satisfied[id] == true
} else := given if {
	given := {reason |
		some why in data.controls[name].reasons[id]
		reason := {"control": name, "rule": why.rule, "controls": why.controls, "message": why.message}
	}
	given != set()
} else := {{
	"control": name,
	"rule": $"{name}/unsatisfied",
	"controls": [],
	"message": $"The control {name} did not say that it is satisfied.",
}}
