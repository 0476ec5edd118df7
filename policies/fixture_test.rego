# Inputs for the tests of all controls: a call of the tenant claims, its targets, and its answer.
package fixture

call := {
	"id": "0199b5a0-0000-7000-8000-000000000000",
	"dialect": "openai.chat",
	"operation": "chat",
	"model": "gpt-4o",
	"stream": false,
	"principal": {"subject": "claims-desk", "tenant": "claims", "groups": [], "purpose": null, "proof": "key", "key": "ck_1"},
	"task": null,
	"classes": [],
	"estimate": {"input_tokens": 100, "max_output_tokens": null},
	"tools": [],
	"references": [],
	"headers": {},
	"metadata": {},
}

context := {
	"time": "2026-11-24T12:00:00.000Z",
	"date": "2026-11-24",
	"environment": "production",
	"replay": false,
	"controls": ["residency", "models", "redaction", "routing"],
}

target(id, endpoint, processing, storage) := {
	"id": id,
	"provider": "eu",
	"model": "gpt-4o-2024-11-20",
	"residency": {"endpoint": endpoint, "processing": processing, "storage": storage},
	"contract": [],
	"facts": {},
}

request(changes, targets) := {
	"phase": "request",
	"call": object.union(call, changes),
	"targets": targets,
	"findings": [],
	"context": context,
}

response(target) := {
	"phase": "response",
	"call": call,
	"target": target,
	"findings": [],
	"usage": {"input_tokens": 100, "output_tokens": 20},
	"progress": {"characters": 80, "finished": true},
	"evidence": [],
	"context": context,
}
