package controls.models_test

import data.controls.models
import data.fixture

target := fixture.target("eu/a", ["DE"], ["DE"], [])

# One entry to change in each test.
entry := {
	"operations": ["chat"],
	"models": ["gpt-4o", "auto"],
	"groups": {"seniors": ["o5"]},
}

org(grant) := {"models": {"tenants": {"claims": grant}}}

reason(rule, controls, message) := {"rule": rule, "controls": controls, "message": message}

access := ["DORA-28", "HIPAA-164.312"]

satisfied(call, grant) if {
	models.satisfied["eu/a"] == true with input as fixture.request(call, [target]) with data.org as org(grant)
	not models.reasons["eu/a"] with input as fixture.request(call, [target]) with data.org as org(grant)
}

reasons(call, grant) := found if {
	not models.satisfied["eu/a"] with input as fixture.request(call, [target]) with data.org as org(grant)
	found := models.reasons["eu/a"] with input as fixture.request(call, [target]) with data.org as org(grant)
}

test_a_listed_model_is_granted if {
	satisfied({}, entry)
	satisfied({"model": "auto"}, entry)
}

test_a_call_carries_no_obligation if {
	models.obligations == {"eu/a": []} with input as fixture.request({}, [target]) with data.org as org(entry)
}

test_every_target_gets_an_answer if {
	other := object.union(target, {"id": "eu/b"})
	both := fixture.request({}, [target, other])
	models.satisfied == {"eu/a": true, "eu/b": true} with input as both with data.org as org(entry)
}

test_the_answer_is_judged_as_the_call_was if {
	models.satisfied == {"eu/a": true} with input as fixture.response(target) with data.org as org(entry)
	models.obligations == {"eu/a": []} with input as fixture.response(target) with data.org as org(entry)
	models.satisfied == {} with input as fixture.response(target) with data.org as org({})
}

test_an_unknown_tenant_is_denied if {
	stranger := {"principal": {"tenant": "nobody"}, "references": [{"kind": "file", "where": "stored", "count": 1}]}
	reasons(stranger, entry) == {reason("models/tenant", access, "The policy grants nothing to the tenant nobody.")}
}

test_without_data_everything_is_denied if {
	call := fixture.request({}, [target])
	models.satisfied == {} with input as call with data.org as {}
	models.reasons["eu/a"] == {reason("models/tenant", access, "The policy grants nothing to the tenant claims.")} with input as call
		with data.org as {}
}

test_an_operation_that_is_not_listed_is_denied if {
	reasons({"operation": "embeddings"}, entry) == {reason(
		"models/operation",
		access,
		"The operation embeddings is not granted to the tenant claims.",
	)}
}

test_an_absent_list_of_operations_is_denied if {
	{found.rule | some found in reasons({}, object.remove(entry, ["operations"]))} == {"models/operation"}
}

test_a_model_that_is_not_listed_is_denied if {
	reasons({"model": "o5"}, entry) == {reason(
		"models/model",
		access,
		"The model o5 is not granted to the tenant claims.",
	)}
}

test_an_absent_list_of_models_is_denied if {
	{found.rule | some found in reasons({}, object.remove(entry, ["models"]))} == {"models/model"}
}

test_a_star_is_every_model if {
	satisfied({"model": "o5"}, object.union(entry, {"models": ["*"]}))
}

test_a_group_adds_models if {
	senior := {"principal": {"groups": ["juniors", "seniors"]}}
	satisfied(object.union(senior, {"model": "o5"}), entry)
	satisfied(senior, entry)
	{found.rule | some found in reasons(object.union(senior, {"model": "o6"}), entry)} == {"models/model"}
}

test_another_group_adds_nothing if {
	junior := {"model": "o5", "principal": {"groups": ["juniors"]}}
	{found.rule | some found in reasons(junior, entry)} == {"models/model"}
}

tasked := object.union(entry, {"tasks": {"triage": ["gpt-4o"], "draft": ["auto"], "any": ["*"]}})

test_a_task_with_its_model_is_granted if {
	satisfied({"task": "triage"}, tasked)
	satisfied({"task": "any"}, tasked)
}

test_a_task_takes_models_away if {
	reasons({"task": "draft"}, tasked) == {reason(
		"models/task",
		["GDPR-5"],
		"The call's task is none with which the tenant claims may use the model gpt-4o.",
	)}
}

test_a_task_adds_no_model if {
	{found.rule | some found in reasons({"task": "any", "model": "o5"}, tasked)} == {"models/model"}
}

test_where_tasks_are_listed_a_call_must_name_one if {
	{found.rule | some found in reasons({}, tasked)} == {"models/task"}
	{found.rule | some found in reasons({"task": "other"}, tasked)} == {"models/task"}
}

test_where_none_are_listed_any_task_will_do if {
	satisfied({"task": "other"}, entry)
}

pictures := object.union(entry, {"references": {"image": ["inline", "remote"], "audio": ["inline"]}})

test_references_are_granted_by_kind_and_place if {
	image := {"kind": "image", "where": "remote", "count": 1}
	audio := {"kind": "audio", "where": "inline", "count": 2}
	satisfied({"references": [image, audio]}, pictures)
}

test_a_reference_elsewhere_is_denied if {
	image := {"kind": "image", "where": "inline", "count": 1}
	audio := {"kind": "audio", "where": "stored", "count": 1}
	reasons({"references": [image, audio]}, pictures) == {reason(
		"models/reference",
		["GDPR-25", "GDPR-32"],
		"The tenant claims may not send stored content of kind audio.",
	)}
}

test_what_the_provider_does_is_told_as_such if {
	call := {"references": [{"kind": kind, "where": "remote", "count": 1} | some kind in ["server_tool", "tool_server", "web_search", "image"]]}
	{found.message | some found in reasons(call, entry)} == {
		"The tenant claims may not offer tools that the provider runs (kind server_tool, remote).",
		"The tenant claims may not have the provider call servers of tools (kind tool_server, remote).",
		"The tenant claims may not have the provider search the web (kind web_search, remote).",
		"The tenant claims may not send remote content of kind image.",
	}
}

test_no_reference_is_granted_unless_listed if {
	image := {"kind": "image", "where": "inline", "count": 1}
	{found.rule | some found in reasons({"references": [image]}, entry)} == {"models/reference"}
}

test_a_misspelt_member_is_denied if {
	reasons({}, object.union(entry, {"task": {}})) == {reason(
		"models/data",
		["DORA-28"],
		"The policy's data for the tenant claims has an unknown member: task.",
	)}
}

test_every_reason_is_given_at_once if {
	call := {"operation": "embeddings", "model": "o5", "references": [{"kind": "file", "where": "stored", "count": 1}]}
	rules := {found.rule | some found in reasons(call, tasked)}
	rules == {"models/operation", "models/model", "models/task", "models/reference"}
}
