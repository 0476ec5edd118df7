# METADATA
# title: Redaction
# description: >-
#   What inspectors find of persons, accounts and secrets leaves the organisation only as the profile of its tenant says:
#   data.org.redaction names the profile, as the obligation redact the plugin carries it out. A class, a task or a finding can
#   only add a profile, and of several the strictest operator holds for each type.
package controls.redaction

import data.controls.redaction.members
import data.customhouse.targets
import data.org.redaction

tenant := object.get(redaction.tenants, input.call.principal.tenant, {})

# A tenant's member stands in place of the default; who is not listed has the defaults.
given(name) := member if member := tenant[name]

else := redaction.defaults[name]

# The name of the tenant's own profile.
base := given("profile")

tasks := given("tasks")

# What the client says of a call, and what was found in it: a profile beside the tenant's own.
raised contains redaction.classes[class] if some class in input.call.classes

raised contains tasks[input.call.task]

raised contains redaction.findings[finding.type] if some finding in input.findings

applied := raised | {base}

chosen[name] := profile(name) if some name in applied

# A misspelt class or task would otherwise be judged without the profile that was meant.
known("data class") if {
	every class in input.call.classes {
		redaction.classes[class]
	}
}

known("data class") if not redaction.classes

known("task") if tasks[input.call.task]

known("task") if input.call.task == null

known("task") if not tasks

faults contains name if {
	some name, value in redaction
	type_name(value) != object.get(members.organisation, name, "none")
}

faults contains "defaults" if not redaction.defaults

faults contains "tenants" if not redaction.tenants

faults contains $"tenants.{input.call.principal.tenant}" if not is_object(tenant)

faults contains name if {
	some entry in [redaction.defaults, tenant]
	some name, value in entry
	not proper(object.get(members.entry, name, "none"), value)
}

faults contains "profile" if not base

faults contains $"profiles.{name}" if {
	some name in applied
	not there(name)
}

faults contains $"profiles.{name}.{member}" if {
	some name in applied
	some member, value in chosen[name]
	type_name(value) != object.get(members.profile, member, "none")
}

# What stands below, the plugin reads, which carries out nothing that it does not know.
there(name) if is_object(chosen[name])

proper(type, value) if type == type_name(value)

# One of some words, or an object.
proper(words, value) if words[value]

proper(words, value) if {
	is_object(words)
	is_object(value)
}

# Content that no inspector reads, under a profile that wants all of it read.
unread contains reference if {
	some name in applied
	kinds := chosen[name].references
	some reference in input.call.references
	not reference.kind in kinds
}

# What was found and may not pass in any form.
refused contains finding if {
	some document in documents
	some finding in input.findings
	named(operator(document, finding.type)) == "refuse"
	finding.max_score >= threshold(document, finding.type)
}

satisfied[target.id] := true if {
	faults == set()
	known("data class")
	known("task")
	unread == set()
	refused == set()
	some target in targets
}

# No comprehension: what is not defined in it must leave this undefined, which denies.
obligations[target.id] := attached if some target in targets

attached := [] if documents == []

attached := [{"type": "redact", "params": strictest(documents)}]

# METADATA
# title: The policy's data has no member that the policy does not know, none of the wrong type, and names profiles that there are
# custom:
#   regulations: [DORA-28]
reasons[target.id] contains {
	"rule": "redaction/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the redaction of the tenant {input.call.principal.tenant} has an unknown or ill-shaped member: {name}.",
} if {
	some name in faults
	some target in targets
}

# METADATA
# title: The data classes that a call names, and its task, are ones whose profile is known
# custom:
#   regulations: [GDPR-5, GDPR-32, HIPAA-164.312]
reasons[target.id] contains {
	"rule": $"redaction/{replace(what, " ", "-")}",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy names no profile of redaction for the call's {what} of the tenant {input.call.principal.tenant}.",
} if {
	some what in ["data class", "task"]
	not known(what)
	some target in targets
}

# METADATA
# title: Where all must be read, nothing is sent that inspectors cannot read
# custom:
#   regulations: [GDPR-25, HIPAA-164.514]
reasons[target.id] contains {
	"rule": "redaction/reference",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"Content of kind {reference.kind} ({reference.where}) is not inspected, and the profile of the tenant {input.call.principal.tenant} permits none that is not.",
} if {
	some reference in unread
	some target in targets
}

# METADATA
# title: Nothing is found that the profile refuses in any form
# custom:
#   regulations: [GDPR-32, HIPAA-164.514, PCI-3.3]
reasons[target.id] contains {
	"rule": "redaction/refused",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"Findings of type {finding.type} ({finding.count}) are refused for the tenant {input.call.principal.tenant}.",
} if {
	some finding in refused
	some target in targets
}
