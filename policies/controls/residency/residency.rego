# METADATA
# title: Residency
# description: >-
#   A call goes only where data.org.residency lets the tenant's text go: where TLS ends (endpoint), where inference runs
#   (processing) and where text is kept (storage), under the contract and the regimes that its data class, task and purpose
#   ask for. A place that is not known is not allowed.
package controls.residency

import data.controls.residency.members
import data.controls.residency.regimes
import data.customhouse.targets
import data.org.residency.regions

facets := ["endpoint", "processing", "storage"]

tenant := data.org.residency.tenants[input.call.principal.tenant]

# What the tenant's text always holds, what the client says of this call, and what inspectors found in it.
classes contains class if some class in tenant.classes

classes contains class if some class in input.call.classes

classes contains data.org.residency.findings[finding.type] if some finding in input.findings

# A task and a class are the client's own words. So each entry stands beside the tenant's and can only take away.
entries := array.concat([tenant], [entry |
	some [list, name] in applying
	entry := tenant[list][name]
])

applying contains ["tasks", input.call.task]

applying contains ["purposes", input.call.principal.purpose]

applying contains ["data_classes", class] if some class in classes

# A misspelt task, purpose or class would otherwise be judged without the entry that was meant.
known("task") if named("tasks", input.call.task)

known("task") if input.call.task == null

known("purpose") if named("purposes", input.call.principal.purpose)

known("purpose") if {
	input.call.principal.purpose == null
	object.get(tenant, "purpose", "open") == "open"
}

known("data class") if {
	every class in classes {
		tenant.data_classes[class]
	}
}

# What the tenant always holds must have an entry. What others say of a call matters only where the tenant has classes.
known("data class") if {
	not tenant.classes
	not tenant.data_classes
}

named(list, _) if not tenant[list]

named(list, name) if tenant[list][name]

faults contains name if {
	some name, value in tenant
	not proper(object.get(members.tenant, name, "none"), value)
}

faults contains name if {
	some index, entry in entries
	index > 0
	some name, value in entry
	not proper(object.get(members.entry, name, "none"), value)
}

faults contains $"pin.{name}" if {
	some entry in entries
	some name, value in entry.pin
	not proper(object.get(members.pin, name, "none"), value)
}

faults contains $"transfers.{name}" if {
	some name, value in tenant.transfers
	not is_array(value)
}

faults contains $"regimes.{name}.{member}" if {
	some name in applied
	some member, value in regimes[name]
	not proper(object.get(members.regime, member, "none"), value)
}

proper(words, value) if words[value]

proper(type, value) if type == type_name(value)

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

# Hosts and upstream models that are left where entries name some, each of them.
pinned[name] := intersection({{value | some value in entry.pin[name]} | some entry in entries; entry.pin[name]}) if {
	some name, _ in members.pin
	some entry in entries
	entry.pin[name]
}

at_pinned(target) if {
	every name, values in pinned {
		identity(target)[name] in values
	}
}

# Where the host is not known, it is none that could be named.
identity(target) := {"hosts": object.get(target.facts, ["residency", "host"], null), "models": target.model}

applied := {name |
	some entry in entries
	some name in entry.regimes
}

clauses := {clause |
	some entry in entries
	some clause in entry.contract
} | {clause |
	some name in applied
	some clause in regimes[name].contract
}

# References that a regime refuses, as regime and kind and place.
refused contains [name, reference] if {
	some name in applied
	some reference in input.call.references
	not reference.where in regimes[name].references
}

# All that does not depend on the target.
sound if {
	known("task")
	known("purpose")
	known("data class")
	every entry in entries {
		is_object(entry)
	}
	faults == set()
	refused == set()
	acceptable
}

# The provider's own word of where it works, where it is another than what was judged. It is on record in any case.
acceptable if displaced == set()

acceptable if tenant.on_displacement == "record"

displaced := {evidence.source |
	some evidence in input.evidence
	not evidence.within
}

# An answer that should prove where it was made and does not. It can where the provider has a switch for it.
unproven if {
	input.progress.finished
	input.evidence == []
	some entry in entries
	entry.evidence == "required"
	some _ in input.target.facts.residency.switches
}

# Where the target goes as it is, or else by a switch of its provider: the first that lies within the limits.
chosen[target.id] := choice(target) if some target in targets

choice(target) := target.residency if fits(target, target.residency)

else := [object.filter(option, ["endpoint", "processing", "storage", "inference_geo"]) |
	some option in target.facts.residency.switches
	fits(target, option)
][0]

fits(target, option) if {
	option.endpoint != []
	option.processing != []
	every facet in facets {
		every names in limits[facet] {
			within(option[facet], places[names])
		}
	}
	every name in applied {
		every place in option_places(option) {
			covers(regimes[name], place, target.contract, assessed(name))
		}
	}
}

option_places(option) := {place |
	some facet in facets
	some place in option[facet]
}

# Places for which the tenant has assessed the transfer under the regime.
assessed(name) := object.get(tenant, ["transfers", name], [])

satisfied[target.id] := true if {
	sound
	not unproven
	some target in targets
	chosen[target.id]
	at_pinned(target)
	lacking(target) == set()
}

lacking(target) := clauses - {clause | some clause in target.contract}

# What was judged is what is pinned: it lies within the tenant's places, and is narrower.
obligations[id] := array.concat([{"type": "residency.pin", "params": params}], minimise) if {
	input.targets
	some id, option in chosen
	params := object.union(option, beside)
}

beside := {name: sort(values) | some name, values in pinned}

# An answer goes back the way its call came: nothing is left to pin.
obligations[input.target.id] := []

default minimise := []

minimise := [{
	"type": "retention.minimise",
	"params": {"store": false, "metadata": "drop", "user": "drop", "prompt_cache": "short"},
}] if {
	some entry in entries
	entry.retention == "minimal"
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
# title: The task that a call names is one of the tenant's, and so are the purpose of its caller and its data classes
# custom:
#   regulations: [GDPR-5, GDPR-32, HIPAA-164.312]
reasons[target.id] contains {
	"rule": $"residency/{replace(what, " ", "-")}",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy names no places for the call's {what} of the tenant {input.call.principal.tenant}.",
} if {
	some what in ["task", "purpose", "data class"]
	not known(what)
	some target in targets
}

# METADATA
# title: The policy's data has no member that the policy does not know, and none of the wrong type
# custom:
#   regulations: [DORA-30]
reasons[target.id] contains {
	"rule": "residency/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the tenant {input.call.principal.tenant} has an unknown or ill-shaped member: {name}.",
} if {
	some name in faults
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
	not expanded(facet)
	some target in targets
}

expanded(facet) if {
	every names in limits[facet] {
		places[names]
	}
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
	not chosen[target.id]
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

	# Where a switch keeps the target within the limits, the target as it is says nothing.
	not chosen[target.id]
	some facet, lists in limits
	some names in lists
	not within(target.residency[facet], places[names])
	outside := [place | some place in target.residency[facet]; not places[names][place]]
}

# METADATA
# title: The target is at a host, and is a model, that each entry with a pin names
# custom:
#   regulations: [DORA-28, DORA-30]
reasons[target.id] contains {
	"rule": "residency/pin",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The target {target.id} is not among the {name} to which the tenant {input.call.principal.tenant} is pinned.",
} if {
	some target in targets
	some name, values in pinned
	not identity(target)[name] in values
}

# METADATA
# title: The contract with the provider has the clauses that the tenant's text needs
# custom:
#   regulations: [DORA-30, GDPR-28, HIPAA-164.314, HIPAA-164.504]
reasons[target.id] contains {
	"rule": "residency/contract",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The contract with the provider {target.provider} lacks {clause}.",
} if {
	some target in targets
	some clause in lacking(target)
}

# METADATA
# title: The regimes that apply are known
# custom:
#   regulations: [DORA-30, GDPR-44]
reasons[target.id] contains {
	"rule": "residency/regime",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy does not know the regime {name} of the tenant {input.call.principal.tenant}.",
} if {
	some name in applied
	not regimes[name]
	some target in targets
}

# METADATA
# title: Each place of the target is one to which the regime lets text go
# custom:
#   regulations: [GDPR-44, GDPR-45, GDPR-46, FADP-16, UKGDPR-44]
reasons[target.id] contains {
	"rule": "residency/transfer",
	"controls": regimes[name].regulations.places,
	"message": $"The regime {name} does not let text of the tenant {input.call.principal.tenant} go to {place}.",
} if {
	some target in targets
	not chosen[target.id]
	some name in applied
	some place in option_places(target.residency)
	not covers(regimes[name], place, target.contract, assessed(name))
}

# METADATA
# title: Nothing acts on the text but the model, where the regime says so
# custom:
#   regulations: [HIPAA-164.314, HIPAA-164.504]
reasons[target.id] contains {
	"rule": "residency/reference",
	"controls": regimes[name].regulations.references,
	"message": $"The regime {name} permits no {reference.where} {reference.kind}.",
} if {
	some [name, reference] in refused
	some target in targets
}

# METADATA
# title: The provider's own word of where it works is what was judged
# custom:
#   regulations: [DORA-30, GDPR-44, HIPAA-164.312]
reasons[target.id] contains {
	"rule": "residency/displaced",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The provider says in {source} that it works elsewhere than was judged.",
} if {
	not acceptable
	some source in displaced
	some target in targets
}

# METADATA
# title: An answer that must prove where it was made does so
# custom:
#   regulations: [DORA-30, GDPR-5, GDPR-44]
reasons[target.id] contains {
	"rule": "residency/evidence-missing",
	"controls": rego.metadata.rule().custom.regulations,
	"message": "The answer ended, and the provider did not say where it was made.",
} if {
	unproven
	some target in targets
}
