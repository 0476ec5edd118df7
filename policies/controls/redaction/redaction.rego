# METADATA
# title: Redaction
# description: >-
#   What inspectors find of persons, accounts and secrets leaves the organisation only as the profile of its tenant says:
#   data.org.redaction names the profile, as the obligation redact the plugin carries it out. A class, a task or a finding can
#   only add a profile, and of several the strictest operator holds for each type.
package controls.redaction

import data.customhouse.targets
import data.org.redaction

# A tenant's members stand in place of those of the defaults; who is not listed has the defaults.
entry := laid(redaction.defaults, listed) if listed := redaction.tenants[input.call.principal.tenant]

else := redaction.defaults

# The name of the tenant's own profile.
base := entry.profile

# What the client says of a call, and what was found in it: a profile beside the tenant's own.
raised contains redaction.classes[class] if some class in input.call.classes

raised contains entry.tasks[input.call.task]

raised contains redaction.findings[finding.type] if some finding in input.findings

# The tenant's own profile, and those beside it.
own := profile(base)

beside[name] := profile(name) if {
	some name in raised
	name != base
}

# Names of profiles that are nowhere. What stands in those that are, the gateway reads when it loads the policy.
missing contains base if not own

missing contains name if {
	some name in raised
	name != base
	not beside[name]
}

# A misspelt class or task would otherwise be judged without the profile that was meant.
strange contains "data class" if {
	some class in input.call.classes
	redaction.classes
	not redaction.classes[class]
}

strange contains "task" if {
	input.call.task != null
	entry.tasks
	not entry.tasks[input.call.task]
}

# What each profile that wants all content read lets pass unread.
readable contains own.references

readable contains beside[_].references

# Content that no inspector reads, under a profile that wants all of it read.
unread contains reference if {
	some reference in input.call.references
	some kinds in readable
	not reference.kind in kinds
}

# What was found and may not pass in any form.
refused contains finding if {
	some finding in input.findings
	some document in documents
	named(operator(document, finding.type)) == "refuse"
	finding.max_score >= threshold(document, finding.type)
}

satisfied[target.id] := true if {
	own
	missing == set()
	strange == set()
	unread == set()
	refused == set()
	some target in targets
}

# No comprehension: what is not defined in it must leave this undefined, which denies.
obligations[target.id] := attached if some target in targets

# Mostly the tenant's own profile as it stands. Then its name is enough, since the gateway has read the profiles as well.
attached := [{"type": "redact", "params": {"profile": base}}] if {
	raised == set()
	as_it_stands
	own[part]
}

else := [] if documents == []

else := [{"type": "redact", "params": strictest(documents)}]

# METADATA
# title: The policy's data names profiles that there are
# custom:
#   regulations: [DORA-28]
reasons[target.id] contains {
	"rule": "redaction/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the redaction of the tenant {input.call.principal.tenant} names a profile that is nowhere: {name}.",
} if {
	some name in missing
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
	some what in strange
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
