# METADATA
# title: Residency
# description: >-
#   A call goes only where data.org.residency lets the tenant's text go: where TLS ends (endpoint), where inference runs
#   (processing) and where text is kept (storage). A place that is not known is not allowed.
package controls.residency

import data.customhouse.targets
import data.org.residency.regions

facets := ["endpoint", "processing", "storage"]

tenant := data.org.residency.tenants[input.call.principal.tenant]

# A task is the client's own word, so its entry stands beside the tenant's and can only take away.
entries := [tenant, object.get(tenant, ["tasks", input.call.task], {})]

# A misspelt task would otherwise be judged without the entry that was meant.
task_known if not tenant.tasks

task_known if input.call.task == null

task_known if tenant.tasks[input.call.task]

members := ["endpoint", "processing", "storage", "contract", "tasks"]

# Facet -> the lists of regions that a target must lie within, each of them. The tenant must have one for every facet.
limits[facet] := {entry[facet] | some entry in entries} if {
	some facet in facets
	tenant[facet]
}

# List of regions -> their places. The facets mostly share one list, which is then expanded once. A list that names a region
# which the data does not know is undefined, and so is all that depends on it.
places[names] := {place |
	some name in names
	some place, _ in regions[name]
} if {
	some names in union({lists | some lists in limits})
	every name in names {
		regions[name]
	}
}

satisfied[target.id] := true if {
	task_known
	some target in targets
	target.residency.endpoint != []
	target.residency.processing != []
	every facet in facets {
		every names in limits[facet] {
			within(target.residency[facet], places[names])
		}
	}
	every entry in entries {
		contracted(target, entry)
		object.remove(entry, members) == {}
	}
}

# What was judged is what is pinned: it lies within the tenant's places, and is narrower.
obligations[target.id] := [{"type": "residency.pin", "params": target.residency}] if some target in input.targets

# An answer goes back the way its call came: nothing is left to pin.
obligations[input.target.id] := []

contracted(target, entry) if {
	every clause in object.get(entry, "contract", []) {
		clause in target.contract
	}
}

known(facet) if {
	every names in limits[facet] {
		places[names]
	}
}

within(_, permitted) if permitted["*"]

within(found, permitted) if {
	every place in found {
		permitted[place]
	}
}

# METADATA
# title: The policy knows where the tenant's text may go
# custom:
#   regulations: [DORA-30, GDPR-44]
reasons[target.id] contains {
	"rule": "residency/tenant",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy names no places for the tenant {input.call.principal.tenant}.",
} if {
	not tenant
	some target in targets
}

# METADATA
# title: The task that a call names is one of the tenant's
# custom:
#   regulations: [GDPR-32, HIPAA-164.312]
reasons[target.id] contains {
	"rule": "residency/task",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy names no places for the call's task of the tenant {input.call.principal.tenant}.",
} if {
	not task_known
	some target in targets
}

# METADATA
# title: The policy's data has no member that the policy does not know
# custom:
#   regulations: [DORA-30]
reasons[target.id] contains {
	"rule": "residency/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the tenant {input.call.principal.tenant} has an unknown member: {stranger}.",
} if {
	some entry in entries
	some stranger, _ in object.remove(entry, members)
	some target in targets
}

# METADATA
# title: Every facet is declared, in regions that the data knows
# custom:
#   regulations: [DORA-30, GDPR-44]
reasons[target.id] contains {
	"rule": "residency/region",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data gives no known regions for {facet} of the tenant {input.call.principal.tenant}.",
} if {
	tenant
	some facet in facets
	not known(facet)
	some target in targets
}

# METADATA
# title: The places of the target are known
# custom:
#   regulations: [DORA-30, GDPR-44]
reasons[target.id] contains {
	"rule": "residency/unknown",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"It is not known in which place {facet} happens.",
} if {
	some target in targets
	some facet in ["endpoint", "processing"]
	target.residency[facet] == []
}

# METADATA
# title: Each facet of the target lies within the tenant's places
# custom:
#   regulations: [DORA-30, GDPR-44, HIPAA-164.312]
reasons[target.id] contains {
	"rule": $"residency/{facet}",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"For {facet}, the tenant {input.call.principal.tenant} may not use {concat(", ", sort(outside))}.",
} if {
	some target in targets
	some facet, lists in limits
	some names in lists
	not within(target.residency[facet], places[names])
	outside := [place | some place in target.residency[facet]; not places[names][place]]
}

# METADATA
# title: The contract with the provider has the clauses that the tenant's text needs
# custom:
#   regulations: [DORA-30, GDPR-28, HIPAA-164.504]
reasons[target.id] contains {
	"rule": "residency/contract",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The contract with the provider {target.provider} lacks {clause}.",
} if {
	some target in targets
	some entry in entries
	some clause in entry.contract
	not clause in target.contract
}
