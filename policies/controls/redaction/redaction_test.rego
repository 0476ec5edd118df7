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

# The gateway knows what a profile says: where nothing is changed in it, its name is the obligation.
profile(name) := redact({"profile": name})

test_the_profile_of_the_defaults_is_the_obligation if {
	allowed(request({}), base) == profile("plain")
	allowed(request({"principal": {"tenant": "other"}}), base) == profile("plain")
	other := {"claims": {}, "other": {"profile": "strict"}}
	allowed(request({"principal": {"tenant": "other"}}), object.union(base, {"tenants": other})) == profile("strict")
}

test_every_target_gets_an_answer if {
	other := object.union(target, {"id": "eu/b"})
	both := fixture.request({}, [target, other])
	redaction.satisfied == {"eu/a": true, "eu/b": true} with input as both with data.org.redaction as base
	redaction.obligations == {"eu/a": profile("plain"), "eu/b": profile("plain")} with input as both with data.org.redaction as base
}

test_a_profile_without_redaction_obliges_to_nothing if {
	allowed(request({}), with_entry({"profile": "none"})) == []
	allowed(request({}), with_entry({"profile": "off"})) == []
}

test_a_tenants_member_stands_in_place_of_the_default if {
	allowed(request({}), with_entry({"profile": "strict"})) == profile("strict")
}

test_a_shipped_profile_is_there_by_name if {
	allowed(request({}), with_entry({"profile": "standard"})) == profile("standard")
	shipped := data.controls.redaction.profiles.standard.redact
	changed := allowed(request({}), with_entry({"profile": "standard", "tools": "none"}))[0].params
	changed.types == shipped.types
	changed.restore == {"text": true, "tools": "none"}
}

test_an_answer_has_the_answers_part if {
	allowed(answer({}), with_entry({"profile": "strict"})) == profile("strict")
	allowed(answer({}), base) == []
	allowed(answer({}), with_entry({"tools": "none"})) == []
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
	settings := with_entry({"types": {"CVV": "refuse"}})
	lean := object.union(object.remove(settings, ["profiles"]), {"profiles": object.union(object.remove(settings.profiles, ["plain"]), {"plain": {"redact": object.remove(plain, ["restore"])}})})
	allowed(request({}), lean) == redact({"types": {"PERSON": "token", "CVV": "refuse"}, "restore": {"tools": "all"}})
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
	allowed(request({"classes": ["phii"]}), object.remove(base, ["classes"])) == profile("plain")
}

test_a_task_without_a_profile_is_denied_where_tasks_are_listed if {
	settings := with_entry({"tasks": {"chart": "strict"}})
	denied(request({"task": "chrat"}), settings) == {reason(
		"task",
		named,
		"The policy names no profile of redaction for the call's task of the tenant claims.",
	)}
	allowed(request({"task": null}), settings) == profile("plain")
	allowed(request({"task": "chart"}), base) == profile("plain")
}

image := {"kind": "image", "where": "inline", "count": 1}

search := {"kind": "web_search", "where": "remote", "count": 1}

test_what_nobody_reads_is_denied_where_all_is_read if {
	denied(request({"references": [search, image]}), with_entry({"profile": "strict"})) == {reason(
		"reference",
		["GDPR-25", "HIPAA-164.514"],
		"Content of kind image (inline) is not inspected, and the profile of the tenant claims permits none that is not.",
	)}
	allowed(request({"references": [search]}), with_entry({"profile": "strict"})) == profile("strict")
	allowed(request({"references": [search, image]}), base) == profile("plain")
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
	allowed(finding("PERSON", 0.39), settings) == profile("strict")
	allowed(finding("EMAIL", 1), settings) == profile("strict")
	allowed(finding("PHONE", 1), settings) == profile("strict")
	denied(finding("EMAIL", 0.8), with_entry({"profile": "strict", "types": {"EMAIL": "refuse"}})) == refusal("EMAIL")
	allowed(finding("EMAIL", 0.79), with_entry({"profile": "strict", "types": {"EMAIL": "refuse"}})) != []
	denied(finding("ZIP", 0.5), with_entry({"types": {"*": {"operator": "refuse"}}})) == refusal("ZIP")
	allowed(finding("ZIP", 0.49), with_entry({"types": {"*": {"operator": "refuse"}}})) != []
}

test_what_is_refused_in_an_answer_denies_it if {
	settings := with_entry({"profile": "strict"})
	denied(answer({"findings": [found("SECRET", 0.5)]}), settings) == refusal("SECRET")
	allowed(answer({"findings": [found("PERSON", 1)]}), settings) == profile("strict")
}

nowhere(name) := {reason("data", ["DORA-28"], $"The policy's data for the redaction of the tenant claims names a profile that is nowhere: {name}.")}

test_a_profile_that_is_nowhere_is_denied if {
	denied(request({}), with_entry({"profile": "unknown"})) == nowhere("unknown")
	denied(answer({}), with_entry({"profile": "unknown"})) == nowhere("unknown")
	denied(request({"task": "chart"}), with_entry({"tasks": {"chart": "unknown"}})) == nowhere("unknown")
	denied(request({"classes": ["pci"]}), object.union(base, {"classes": {"pci": "unknown"}})) == nowhere("unknown")
	denied(finding("ZIP", 1), object.union(base, {"findings": {"ZIP": "unknown"}})) == nowhere("unknown")
}

test_without_a_profile_nothing_is_satisfied if {
	lean := object.remove(base, ["defaults"])
	cases := [lean, object.union(lean, {"defaults": {}}), object.union(lean, {"tenants": {"claims": {"tools": "all"}}}), {}]
	every settings in cases {
		redaction.satisfied == {} with input as request({}) with data.org.redaction as settings
		redaction.obligations == {} with input as request({}) with data.org.redaction as settings
		redaction.satisfied == {} with input as answer({}) with data.org.redaction as settings
		redaction.obligations == {} with input as answer({}) with data.org.redaction as settings
	}
	redaction.satisfied == {} with input as request({}) with data.org as {}
}

test_whoever_is_not_listed_has_the_defaults if {
	allowed(request({}), object.remove(base, ["tenants"])) == profile("plain")
}

# What cannot be made of the data is no empty obligation: it is none, and main.rego denies.
test_parameters_that_cannot_be_made_leave_no_obligation if {
	shapeless := object.union(with_entry({"tools": "all"}), {"profiles": {"plain": {"redact": {"types": 1}}}})
	broken := object.union(object.remove(shapeless, ["profiles"]), {"profiles": {"plain": {"redact": {"restore": {}}}, "strict": base.profiles.strict}})
	redaction.obligations == {} with input as request({}) with data.org.redaction as broken
	redaction.obligations == {} with input as request({"classes": ["phi"]}) with data.org.redaction as broken
}
