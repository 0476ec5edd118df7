# METADATA
# title: Routing
# description: >-
#   How often and how long a call is tried, and after which failures at another target: data.org.routing, as obligations.
package controls.routing

import data.customhouse.targets
import data.org.routing

tenant := object.get(routing.tenants, input.call.principal.tenant, {})

failures := {"connect", "timeout", "throttled", "overloaded", "server_error", "conflict", "malformed", "credential"}

satisfied[target.id] := true if {
	faults == set()
	some target in targets
}

obligations[target.id] := attached if some target in input.targets

obligations[input.target.id] := []

attached := [{"type": $"attempt.{name}", "params": params} |
	some name in ["retry", "fallback", "deadline"]
	params := given(name)
]

given(name) := params if params := tenant[name]

else := routing.defaults[name]

faults contains "defaults" if not whole_defaults

faults contains "tenants" if not whole_tenant

# What is not there fails these, and a negation of an expression with it would fail as well.
whole_defaults if is_object(routing.defaults)

whole_tenant if is_object(tenant)

faults contains name if {
	some entry in [routing.defaults, tenant]
	some name, params in entry
	not shaped(name, params)
}

shaped("retry", params) if {
	object.keys(params) - {"times", "on", "wait_ms"} == set()
	params.times in {1, 2, 3}
	fails(params.on)
	within(object.get(params, "wait_ms", 0), 0, 60000)
}

shaped("fallback", params) if {
	object.keys(params) == {"on"}
	fails(params.on)
}

shaped("deadline", params) if {
	object.keys(params) - {"first_byte_ms", "total_ms", "call_ms"} == set()
	count(params) > 0
	every _, limit in params {
		within(limit, 1, 3600000)
	}
}

fails(list) if {
	is_array(list)
	named := {failure | some failure in list}
	named - failures == set()
	count(named) == count(list)
}

within(number, least, most) if {
	number == floor(number)
	number >= least
	number <= most
}

# METADATA
# title: The policy's data says in known words how calls are tried
# custom:
#   regulations: [DORA-28]
reasons[target.id] contains {
	"rule": "routing/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the routing of the tenant {input.call.principal.tenant} has an unknown or ill-shaped member: {name}.",
} if {
	some name in faults
	some target in targets
}
