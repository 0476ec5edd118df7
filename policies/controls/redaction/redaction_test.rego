package controls.redaction_test

import data.controls.redaction
import data.fixture

target := fixture.target("eu/a", ["DE"], ["DE"], [])

plain := {"types": {"PERSON": "token", "CVV": "drop"}, "restore": {"text": true, "tools": "all"}}

strict := {"types": {"PERSON": "refuse", "EMAIL": "hash"}, "scores": {"PERSON": 0.4}, "min_score": 0.8, "restore": {"text": true, "tools": "none"}}

masked := {"types": {"PERSON": "mask", "SECRET": "refuse"}}

# One set of data to change in each test: two profiles, one of which reads all and answers too.
base := {
	"defaults": {"profile": "plain"},
	"tenants": {"claims": {}},
	"classes": {"phi": "strict", "public": "none"},
	"findings": {"HEALTH": "strict"},
	"profiles": {
		"none": {},
		"plain": {"redact": plain},
		"strict": {"redact": strict, "answer": masked, "references": ["web_search"]},
	},
}

with_entry(entry) := object.union(base, {"tenants": {"claims": entry}})

request(changes) := fixture.request(changes, [target])

found(type, score) := {"type": type, "count": 2, "roles": ["user"], "max_score": score}

finding(type, score) := object.union(request({}), {"findings": [found(type, score)]})

answer(changes) := object.union(fixture.response(target), changes)

allowed(question, settings) := params if {
	redaction.satisfied == {"eu/a": true} with input as question with data.org.redaction as settings
	not redaction.reasons["eu/a"] with input as question with data.org.redaction as settings
	params := redaction.obligations["eu/a"] with input as question with data.org.redaction as settings
}

denied(question, settings) := reasons if {
	redaction.satisfied == {} with input as question with data.org.redaction as settings
	reasons := redaction.reasons["eu/a"] with input as question with data.org.redaction as settings
}

redact(params) := [{"type": "redact", "params": params}]

test_the_profile_of_the_defaults_is_the_obligation if {
	allowed(request({}), base) == redact(plain)
	allowed(request({"principal": {"tenant": "other"}}), base) == redact(plain)
}

test_every_target_gets_an_answer if {
	other := object.union(target, {"id": "eu/b"})
	both := fixture.request({}, [target, other])
	redaction.satisfied == {"eu/a": true, "eu/b": true} with input as both with data.org.redaction as base
	redaction.obligations == {"eu/a": redact(plain), "eu/b": redact(plain)} with input as both with data.org.redaction as base
}

test_a_profile_without_redaction_obliges_to_nothing if {
	allowed(request({}), with_entry({"profile": "none"})) == []
	allowed(request({}), with_entry({"profile": "off"})) == []
}

test_a_tenants_member_stands_in_place_of_the_default if {
	allowed(request({}), with_entry({"profile": "strict"})) == redact(strict)
}

test_a_shipped_profile_is_there_by_name if {
	shipped := data.controls.redaction.profiles.standard.redact
	allowed(request({}), with_entry({"profile": "standard"})) == redact(shipped)
}

test_an_answer_has_the_answers_part if {
	allowed(answer({}), with_entry({"profile": "strict"})) == redact(masked)
	allowed(answer({}), base) == []
	changed := {"profile": "strict", "types": {"PERSON": "keep"}, "tools": "all"}
	allowed(answer({}), with_entry(changed)) == redact(masked)
}

test_a_tenants_operators_and_tools_stand_in_place_of_the_profiles if {
	entry := {"types": {"CVV": "refuse", "ZIP": {"operator": "generalise"}}, "tools": {"pay": ["card"]}}
	allowed(request({}), with_entry(entry)) == redact({
		"types": {"PERSON": "token", "CVV": "refuse", "ZIP": {"operator": "generalise"}},
		"restore": {"text": true, "tools": {"pay": ["card"]}},
	})
	allowed(request({}), with_entry({"tools": "none"})) == redact(object.union(plain, {"restore": {"tools": "none"}}))
}

test_an_operator_is_replaced_whole if {
	settings := object.union(with_entry({"types": {"PERSON": {"operator": "hash"}}}), {"profiles": {"plain": {"redact": {"types": {"PERSON": {"operator": "mask", "last": 4}}}}}})
	params := allowed(request({}), settings)[0].params
	params.types.PERSON == {"operator": "hash"}
	params.restore == {"text": true, "tools": "all"}
}

test_a_profile_without_restoring_says_that_all_comes_back if {
	settings := object.union(base, {"profiles": {"plain": {"redact": object.remove(plain, ["restore"])}}})
	lean := object.union(object.remove(settings, ["profiles"]), {"profiles": object.union(object.remove(settings.profiles, ["plain"]), {"plain": {"redact": object.remove(plain, ["restore"])}})})
	allowed(request({}), lean) == redact({"types": plain.types, "restore": {"tools": "all"}})
}

test_an_entity_of_the_data_is_taken_out if {
	entities := {
		"POLICY": {"pattern": "P"},
		"CASE_NO": {"pattern": "C", "operator": "drop"},
		"CVV": {"pattern": "D", "operator": "keep"},
		"acme": {"pattern": "A", "type": "MRN"},
	}
	allowed(request({}), object.union(base, {"entities": entities})) == redact(object.union(plain, {"types": {"POLICY": "token", "CASE_NO": "drop"}}))
	both := object.union(with_entry({"types": {"POLICY": "hash"}}), {"entities": entities})
	allowed(request({}), both)[0].params.types.POLICY == "hash"
	allowed(request({}), object.union(with_entry({"profile": "none"}), {"entities": entities})) == []
}

tightened := {
	"types": {"PERSON": "refuse", "CVV": "drop", "EMAIL": "hash"},
	"min_score": 0.5,
	"scores": {"PERSON": 0.4},
	"restore": {"text": true, "tools": "none"},
}

test_what_the_client_says_tightens if {
	allowed(request({"classes": ["phi"]}), base) == redact(tightened)
	allowed(request({"classes": ["phi", "public"]}), base) == redact(tightened)
	allowed(request({"task": "chart"}), with_entry({"tasks": {"chart": "strict"}})) == redact(tightened)
	allowed(finding("HEALTH", 1), base) == redact(tightened)
}

test_what_the_client_says_loosens_nothing if {
	settings := with_entry({"profile": "strict"})
	allowed(request({"classes": ["public"]}), settings) == redact(strict)
	allowed(request({"classes": ["phi"]}), settings) == redact(strict)
	changed := with_entry({"profile": "strict", "types": {"PERSON": "keep"}})
	allowed(request({"classes": ["phi"]}), changed)[0].params.types.PERSON == "keep"
}

test_a_class_tightens_where_the_profile_does_nothing if {
	allowed(request({"classes": ["phi"]}), with_entry({"profile": "none"})) == redact(strict)
}

test_an_answer_is_tightened_alike if {
	classified := object.union(answer({}), {"call": {"classes": ["phi"]}})
	allowed(classified, base) == redact(masked)
}

reason(rule, controls, message) := {"rule": $"redaction/{rule}", "controls": controls, "message": message}

named := ["GDPR-5", "GDPR-32", "HIPAA-164.312"]

test_a_class_without_a_profile_is_denied if {
	denied(request({"classes": ["phi", "phii"]}), base) == {reason(
		"data-class",
		named,
		"The policy names no profile of redaction for the call's data class of the tenant claims.",
	)}
	allowed(request({"classes": ["phii"]}), object.remove(base, ["classes"])) == redact(plain)
}

test_a_task_without_a_profile_is_denied_where_tasks_are_listed if {
	settings := with_entry({"tasks": {"chart": "strict"}})
	denied(request({"task": "chrat"}), settings) == {reason(
		"task",
		named,
		"The policy names no profile of redaction for the call's task of the tenant claims.",
	)}
	allowed(request({"task": null}), settings) == redact(plain)
	allowed(request({"task": "chart"}), base) == redact(plain)
}

image := {"kind": "image", "where": "inline", "count": 1}

search := {"kind": "web_search", "where": "remote", "count": 1}

test_what_nobody_reads_is_denied_where_all_is_read if {
	denied(request({"references": [search, image]}), with_entry({"profile": "strict"})) == {reason(
		"reference",
		["GDPR-25", "HIPAA-164.514"],
		"Content of kind image (inline) is not inspected, and the profile of the tenant claims permits none that is not.",
	)}
	allowed(request({"references": [search]}), with_entry({"profile": "strict"})) == redact(strict)
	allowed(request({"references": [search, image]}), base) == redact(plain)
	{one.rule | some one in denied(request({"references": [image], "classes": ["phi"]}), base)} == {"redaction/reference"}
}

refusal(type) := {reason(
	"refused",
	["GDPR-32", "HIPAA-164.514", "PCI-3.3"],
	$"Findings of type {type} (2) are refused for the tenant claims.",
)}

test_what_is_refused_denies if {
	settings := with_entry({"profile": "strict"})
	denied(finding("PERSON", 0.4), settings) == refusal("PERSON")
	allowed(finding("PERSON", 0.39), settings) == redact(strict)
	allowed(finding("EMAIL", 1), settings) == redact(strict)
	allowed(finding("PHONE", 1), settings) == redact(strict)
	denied(finding("EMAIL", 0.8), with_entry({"profile": "strict", "types": {"EMAIL": "refuse"}})) == refusal("EMAIL")
	allowed(finding("EMAIL", 0.79), with_entry({"profile": "strict", "types": {"EMAIL": "refuse"}})) != []
	denied(finding("ZIP", 0.5), with_entry({"types": {"*": {"operator": "refuse"}}})) == refusal("ZIP")
	allowed(finding("ZIP", 0.49), with_entry({"types": {"*": {"operator": "refuse"}}})) != []
}

test_what_is_refused_in_an_answer_denies_it if {
	settings := with_entry({"profile": "strict"})
	denied(answer({"findings": [found("SECRET", 0.5)]}), settings) == refusal("SECRET")
	allowed(answer({"findings": [found("PERSON", 1)]}), settings) == redact(masked)
}

member(name) := reason("data", ["DORA-28"], $"The policy's data for the redaction of the tenant claims has an unknown or ill-shaped member: {name}.")

test_what_is_ill_shaped_is_denied if {
	cases := [
		["typo", object.union(base, {"typo": {}})],
		["classes", object.union(object.remove(base, ["classes"]), {"classes": []})],
		["prfile", with_entry({"prfile": "strict"})],
		["profile", with_entry({"profile": {}})],
		["tasks", with_entry({"tasks": "strict"})],
		["types", with_entry({"types": []})],
		["tools", with_entry({"tools": "any"})],
		["profiles.unknown", with_entry({"profile": "unknown"})],
		["profiles.unknown", with_entry({"tasks": {"chart": "unknown"}})],
		["profiles.plain.redcat", object.union(base, {"profiles": {"plain": {"redcat": {}}}})],
		["profiles.plain.references", object.union(base, {"profiles": {"plain": {"references": "none"}}})],
	]
	every case in cases {
		member(case[0]) in denied(request({"task": "chart"}), case[1])
	}
	tools := with_entry({"tools": "all"})
	allowed(request({}), tools) == redact(plain)
}

test_ill_shaped_data_gives_one_reason if {
	denied(request({}), with_entry({"prfile": "strict"})) == {member("prfile")}
	denied(request({}), object.union(base, {"defaults": {"prfile": "strict"}})) == {member("prfile")}
	denied(request({}), with_entry({"profile": "unknown"})) == {member("profiles.unknown")}
}

test_a_profile_that_is_no_object_is_denied if {
	settings := object.union(base, {"profiles": {"flat": "token"}})
	denied(request({}), object.union(settings, {"tenants": {"claims": {"profile": "flat"}}})) == {member("profiles.flat")}
}

test_what_is_not_there_is_named if {
	member("defaults") in denied(request({}), object.remove(base, ["defaults"]))
	member("tenants") in denied(request({}), object.remove(base, ["tenants"]))
	member("profile") in denied(request({}), object.union(object.remove(base, ["defaults"]), {"defaults": {}}))
	member("tenants.claims") in denied(request({}), with_entry("none"))
	redaction.satisfied == {} with input as request({}) with data.org as {}
}

# What cannot be made of the data is no empty obligation: it is none, and main.rego denies.
test_parameters_that_cannot_be_made_leave_no_obligation if {
	shapeless := object.union(base, {"profiles": {"plain": {"redact": {"types": 1}}}})
	broken := object.union(object.remove(shapeless, ["profiles"]), {"profiles": {"plain": {"redact": {"restore": {}}}, "strict": base.profiles.strict}})
	redaction.obligations == {} with input as request({}) with data.org.redaction as broken
	redaction.obligations == {} with input as request({"classes": ["phi"]}) with data.org.redaction as broken
}
