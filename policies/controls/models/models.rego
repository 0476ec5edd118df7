# METADATA
# title: Models
# description: >-
#   A tenant uses the models that data.org.models lists for it, for the operations listed, and points to content outside of
#   the call only where kind and place are listed. What is not listed is denied.
package controls.models

import data.customhouse.targets

# Groups are proven by the credential, so they may add. A task is the client's own word, so it can only take away.
grant := data.org.models.tenants[input.call.principal.tenant]

satisfied[target.id] := true if {
	operation_granted
	model_granted
	task_granted
	references_granted
	strangers == {}
	some target in targets
}

obligations[target.id] := [] if some target in targets

operation_granted if input.call.operation in grant.operations

model_granted if listed(grant.models)

model_granted if {
	some group in input.call.principal.groups
	listed(grant.groups[group])
}

task_granted if not grant.tasks

task_granted if listed(grant.tasks[input.call.task])

references_granted if {
	every reference in input.call.references {
		reference_granted(reference)
	}
}

reference_granted(reference) if reference.where in grant.references[reference.kind]

# A misspelt member would otherwise be a limit that nobody checks.
strangers := object.remove(grant, ["operations", "models", "groups", "tasks", "references"])

listed(models) if input.call.model in models

listed(models) if "*" in models

# What is no content: somebody else acts on the text.
deeds := {
	"server_tool": "offer tools that the provider runs",
	"tool_server": "have the provider call servers of tools",
	"web_search": "have the provider search the web",
}

deed(reference) := $"{words} (kind {reference.kind}, {reference.where})" if words := deeds[reference.kind]

deed(reference) := $"send {reference.where} content of kind {reference.kind}" if not deeds[reference.kind]

# METADATA
# title: The tenant is known to the policy
# custom:
#   regulations: [DORA-28, HIPAA-164.312]
reasons[target.id] contains {
	"rule": "models/tenant",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy grants nothing to the tenant {input.call.principal.tenant}.",
} if {
	not grant
	some target in targets
}

# METADATA
# title: The policy's data has no member that the policy does not know
# custom:
#   regulations: [DORA-28]
reasons[target.id] contains {
	"rule": "models/data",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The policy's data for the tenant {input.call.principal.tenant} has an unknown member: {stranger}.",
} if {
	some stranger, _ in strangers
	some target in targets
}

# METADATA
# title: The operation is granted to the tenant
# custom:
#   regulations: [DORA-28, HIPAA-164.312]
reasons[target.id] contains {
	"rule": "models/operation",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The operation {input.call.operation} is not granted to the tenant {input.call.principal.tenant}.",
} if {
	grant
	not operation_granted
	some target in targets
}

# METADATA
# title: The model is granted to the tenant or to one of the principal's groups
# custom:
#   regulations: [DORA-28, HIPAA-164.312]
reasons[target.id] contains {
	"rule": "models/model",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The model {input.call.model} is not granted to the tenant {input.call.principal.tenant}.",
} if {
	grant
	not model_granted
	some target in targets
}

# METADATA
# title: The task is one that the tenant has, and the model is one for it
# custom:
#   regulations: [GDPR-5]
reasons[target.id] contains {
	"rule": "models/task",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The call's task is none with which the tenant {input.call.principal.tenant} may use the model {input.call.model}.",
} if {
	not task_granted
	some target in targets
}

# METADATA
# title: Content outside of the call is of a kind and in a place that the tenant may point to
# custom:
#   regulations: [GDPR-25, GDPR-32]
reasons[target.id] contains {
	"rule": "models/reference",
	"controls": rego.metadata.rule().custom.regulations,
	"message": $"The tenant {input.call.principal.tenant} may not {deed(reference)}.",
} if {
	grant
	some reference in input.call.references
	not reference_granted(reference)
	some target in targets
}
