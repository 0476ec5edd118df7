package controls.residency_test

import data.controls.residency
import data.fixture

regions := {
	"EEA": {"DE": "Germany", "FR": "France", "IE": "Ireland"},
	"CH": {"CH": "Switzerland"},
	"WORLD": {"*": "anywhere"},
}

entry := {"endpoint": ["EEA", "CH"], "processing": ["EEA"], "storage": ["EEA"]}

org(grant) := {"residency": {"regions": regions, "tenants": {"claims": grant}}}

reason(rule, controls, message) := {"rule": rule, "controls": controls, "message": message}

transfer := ["DORA-30", "GDPR-44", "HIPAA-164.312"]

unknown := ["DORA-30", "GDPR-44"]

home := fixture.target("eu/a", ["CH"], ["FR", "DE"], ["IE"])

calls(call, target, grant) if {
	residency.satisfied == {"eu/a": true} with input as fixture.request(call, [target]) with data.org as org(grant)
	residency.reasons == {} with input as fixture.request(call, [target]) with data.org as org(grant)
}

satisfied(target, grant) if calls({}, target, grant)

denied(call, target, grant) := found if {
	residency.satisfied == {} with input as fixture.request(call, [target]) with data.org as org(grant)
	found := residency.reasons["eu/a"] with input as fixture.request(call, [target]) with data.org as org(grant)
}

reasons(target, grant) := denied({}, target, grant)

test_a_target_within_the_places_is_allowed if {
	satisfied(home, entry)
}

test_storage_that_is_empty_is_nowhere if {
	satisfied(fixture.target("eu/a", ["DE"], ["DE"], []), entry)
	satisfied(fixture.target("eu/a", ["DE"], ["DE"], []), object.union(entry, {"storage": []}))
}

test_where_nothing_may_be_stored_all_storage_is_denied if {
	reasons(home, object.union(entry, {"storage": []})) == {reason(
		"residency/storage",
		transfer,
		"For storage, the tenant claims may not use IE.",
	)}
}

test_an_endpoint_outside_is_denied if {
	reasons(fixture.target("eu/a", ["US"], ["DE"], []), entry) == {reason(
		"residency/endpoint",
		transfer,
		"For endpoint, the tenant claims may not use US.",
	)}
}

test_one_place_outside_is_enough if {
	reasons(fixture.target("eu/a", ["DE"], ["US", "DE", "CH"], []), entry) == {reason(
		"residency/processing",
		transfer,
		"For processing, the tenant claims may not use CH, US.",
	)}
}

test_an_unknown_endpoint_is_denied if {
	reasons(fixture.target("eu/a", [], ["DE"], []), entry) == {reason(
		"residency/unknown",
		unknown,
		"It is not known in which place endpoint happens.",
	)}
}

test_unknown_processing_is_denied if {
	reasons(fixture.target("eu/a", ["DE"], [], []), entry) == {reason(
		"residency/unknown",
		unknown,
		"It is not known in which place processing happens.",
	)}
}

test_anywhere_is_denied_to_those_who_may_not_go_anywhere if {
	{found.rule | some found in reasons(fixture.target("eu/a", ["DE"], ["*"], []), entry)} == {"residency/processing"}
}

anywhere := {"endpoint": ["WORLD"], "processing": ["WORLD"], "storage": ["EEA", "WORLD"]}

test_the_world_holds_every_place if {
	satisfied(fixture.target("eu/a", ["DE"], ["US", "*"], ["JP"]), anywhere)
}

test_the_world_does_not_hold_the_unknown if {
	{found.rule | some found in reasons(fixture.target("eu/a", ["DE"], [], []), anywhere)} == {"residency/unknown"}
}

test_an_unknown_tenant_is_denied if {
	stranger := {"principal": {"tenant": "nobody"}}
	denied(stranger, home, entry) == {reason(
		"residency/tenant",
		unknown,
		"The policy names no places for the tenant nobody.",
	)}
}

test_without_data_everything_is_denied if {
	call := fixture.request({}, [home])
	residency.satisfied == {} with input as call with data.org as {}
	{found.rule | some found in residency.reasons["eu/a"]} == {"residency/tenant"} with input as call with data.org as {}
}

test_a_region_that_the_data_does_not_know_is_denied if {
	reasons(home, object.union(entry, {"processing": ["EEA", "MARS"]})) == {reason(
		"residency/region",
		unknown,
		"The policy's data gives no known regions for processing of the tenant claims.",
	)}
}

test_a_facet_that_is_not_declared_is_denied if {
	reasons(home, object.remove(entry, ["storage"])) == {reason(
		"residency/region",
		unknown,
		"The policy's data gives no known regions for storage of the tenant claims.",
	)}
}

test_a_misspelt_member_is_denied if {
	reasons(home, object.union(entry, {"contracts": ["baa"]})) == {reason(
		"residency/data",
		["DORA-30"],
		"The policy's data for the tenant claims has an unknown or ill-shaped member: contracts.",
	)}
}

test_a_contract_must_have_every_clause if {
	needs := object.union(entry, {"contract": ["dpa", "baa"]})
	satisfied(object.union(home, {"contract": ["baa", "zdr", "dpa"]}), needs)
	reasons(object.union(home, {"contract": ["dpa"]}), needs) == {reason(
		"residency/contract",
		["DORA-30", "GDPR-28", "HIPAA-164.314", "HIPAA-164.504"],
		"The contract with the provider eu lacks baa.",
	)}
}

tasked := object.union(entry, {
	"contract": ["dpa"],
	"tasks": {
		"phi": {"endpoint": ["EEA"], "storage": [], "contract": ["baa"]},
		"wide": {"processing": ["WORLD"]},
	},
})

test_a_task_takes_places_away_and_adds_clauses if {
	away := object.union(home, {"contract": ["zdr"]})
	found := denied({"task": "phi"}, away, tasked)
	{[one.rule, one.message] | some one in found} == {
		["residency/endpoint", "For endpoint, the tenant claims may not use CH."],
		["residency/storage", "For storage, the tenant claims may not use IE."],
		["residency/contract", "The contract with the provider eu lacks baa."],
		["residency/contract", "The contract with the provider eu lacks dpa."],
	}
	covered := object.union(fixture.target("eu/a", ["DE"], ["DE"], []), {"contract": ["baa", "dpa"]})
	calls({"task": "phi"}, covered, tasked)
}

test_a_task_adds_no_place if {
	abroad := object.union(fixture.target("eu/a", ["DE"], ["US"], []), {"contract": ["dpa"]})
	{one.rule | some one in denied({"task": "wide"}, abroad, tasked)} == {"residency/processing"}
}

test_a_call_without_a_task_is_judged_by_the_tenants_entry if {
	satisfied(object.union(home, {"contract": ["dpa"]}), tasked)
}

test_a_task_that_is_not_listed_is_denied if {
	covered := object.union(home, {"contract": ["dpa"]})
	every task in ["other", "PHI", "phii", ""] {
		denied({"task": task}, covered, tasked) == {reason(
			"residency/task",
			["GDPR-5", "GDPR-32", "HIPAA-164.312"],
			"The policy names no places for the call's task of the tenant claims.",
		)}
	}
	{one.rule | some one in denied({"task": "phi"}, home, object.union(entry, {"tasks": {}}))} == {"residency/task"}
}

test_a_task_that_is_listed_may_take_nothing_away if {
	calls({"task": "plain"}, home, object.union(entry, {"tasks": {"plain": {}}}))
}

test_where_no_tasks_are_listed_any_task_will_do if {
	calls({"task": "other"}, home, entry)
}

test_a_task_with_an_unknown_region_is_denied if {
	found := denied({"task": "t"}, home, object.union(entry, {"tasks": {"t": {"storage": ["MARS"]}}}))
	{one.rule | some one in found} == {"residency/region"}
}

test_a_task_with_a_misspelt_member_is_denied if {
	found := denied({"task": "t"}, home, object.union(entry, {"tasks": {"t": {"strage": []}}}))
	{one.rule | some one in found} == {"residency/data"}
}

test_an_entry_of_the_wrong_type_is_denied if {
	call := fixture.request({"task": "t"}, [home])
	wrong := [
		object.union(entry, {"endpoint": "EEA"}),
		object.union(entry, {"storage": null}),
		object.union(entry, {"contract": "baa"}),
		object.union(entry, {"tasks": {"t": ["EEA"]}}),
		object.union(entry, {"tasks": {"t": "EEA"}}),
		object.union(entry, {"tasks": {"t": {"storage": false}}}),
		object.union(entry, {"tasks": {"t": {"contract": "baa"}}}),
		"EEA",
		[],
	]
	every one in wrong {
		residency.satisfied == {} with input as call with data.org as org(one)
	}
}

test_each_target_is_judged_alone if {
	away := fixture.target("us/a", ["US"], ["US"], ["US"])
	call := fixture.request({}, [away, home])
	residency.satisfied == {"eu/a": true} with input as call with data.org as org(entry)
	object.keys(residency.reasons) == {"us/a"} with input as call with data.org as org(entry)
	object.keys(residency.obligations) == {"eu/a"} with input as call with data.org as org(entry)
}

test_what_was_judged_is_pinned if {
	call := fixture.request({}, [home])
	residency.obligations == {"eu/a": [{
		"type": "residency.pin",
		"params": {"endpoint": ["CH"], "processing": ["FR", "DE"], "storage": ["IE"]},
	}]} with input as call with data.org as org(entry)
}

test_the_answer_is_judged_as_the_call_was if {
	residency.satisfied == {"eu/a": true} with input as fixture.response(home) with data.org as org(entry)
	residency.obligations == {"eu/a": []} with input as fixture.response(home) with data.org as org(entry)
	away := fixture.target("eu/a", ["DE"], ["US"], [])
	residency.satisfied == {} with input as fixture.response(away) with data.org as org(entry)
}

classed := object.union(entry, {
	"classes": ["plain"],
	"data_classes": {"plain": {}, "phi": {"storage": []}, "pci": {"processing": ["CH"]}},
	"purposes": {"care": {}, "billing": {"contract": ["dpa"]}},
})

rules(call, target, grant) := {one.rule | some one in denied(call, target, grant)}

test_classes_take_away if {
	calls({}, home, classed)
	rules({"classes": ["phi"]}, home, classed) == {"residency/storage"}
	rules({"classes": ["pci"]}, home, classed) == {"residency/processing"}
	rules({"classes": ["PHI"]}, home, classed) == {"residency/data-class"}
	calls({"classes": ["phi"]}, home, entry)
	rules({}, home, object.union(entry, {"classes": ["phi"]})) == {"residency/data-class"}
	rules({"classes": ["x"]}, home, object.union(entry, {"data_classes": {}})) == {"residency/data-class"}
	rules({}, home, object.union(entry, {"classes": ["phi"], "data_classes": {"phi": {"storage": []}}})) == {"residency/storage"}
}

test_findings_imply_classes if {
	found := [{"type": "HEALTH_RECORD", "count": 1, "roles": ["user"], "max_score": 1}]
	call := object.union(fixture.request({}, [home]), {"findings": found})
	data_with := object.union(org(classed), {"residency": {"findings": {"HEALTH_RECORD": "phi"}}})
	residency.satisfied == {} with input as call with data.org as data_with
	{one.rule | some one in residency.reasons["eu/a"]} == {"residency/storage"} with input as call with data.org as data_with
}

test_a_purpose_is_proven_and_known if {
	calls({"principal": {"purpose": "care"}}, home, classed)
	rules({"principal": {"purpose": "billing"}}, home, classed) == {"residency/contract"}
	rules({"principal": {"purpose": "fun"}}, home, classed) == {"residency/purpose"}
	rules({}, home, object.union(classed, {"purpose": "required"})) == {"residency/purpose"}
	calls({}, home, object.union(classed, {"purpose": "open"}))
	calls({"principal": {"purpose": "fun"}}, home, entry)
}

test_words_and_types_of_members if {
	wrong := {
		"retention": "none",
		"evidence": true,
		"purpose": "asked",
		"on_displacement": "ignore",
		"regimes": "gdpr",
		"transfers": [],
		"classes": "phi",
	}
	every name, value in wrong {
		"residency/data" in rules({}, home, object.union(entry, {name: value}))
	}
	rules({"task": "t"}, home, object.union(entry, {"tasks": {"t": {"transfers": {}}}})) == {"residency/data"}
	residency.satisfied == {} with input as fixture.request({"task": "t"}, [home]) with data.org as org(object.union(entry, {"tasks": {"t": []}}))
}

american := {"endpoint": ["CH"], "processing": ["DE"], "storage": ["IE"], "inference_geo": "us", "more": 1}

switched(target) := object.union(target, {"facts": {"residency": {"switches": [object.union(american, {"processing": ["US"]}), american]}}})

test_a_switch_brings_a_target_within if {
	away := switched(fixture.target("eu/a", ["CH"], ["*"], ["IE"]))
	call := fixture.request({}, [away])
	residency.satisfied == {"eu/a": true} with input as call with data.org as org(entry)
	residency.obligations == {"eu/a": [{"type": "residency.pin", "params": object.remove(american, ["more"])}]} with input as call with data.org as org(entry)
	rules({}, away, object.union(entry, {"processing": ["CH"]})) == {"residency/processing"}
	residency.obligations["eu/a"][0].params.processing == ["FR", "DE"] with input as fixture.request({}, [switched(home)]) with data.org as org(entry)
}

test_less_is_kept_where_the_data_says_so if {
	obligations := residency.obligations["eu/a"] with input as fixture.request({}, [home]) with data.org as org(object.union(entry, {"retention": "minimal"}))
	[obligations[0].type, obligations[1]] == ["residency.pin", {
		"type": "retention.minimise",
		"params": {"store": false, "metadata": "drop", "user": "drop", "prompt_cache": "short"},
	}]
}

answer(target, changes) := object.union(fixture.response(target), changes)

elsewhere := {"evidence": [
	{"source": "usage.inference_geo", "facet": "processing", "places": ["US"], "within": false},
	{"source": "x-ms-region", "facet": "endpoint", "places": ["DE"], "within": true},
]}

test_an_answer_from_elsewhere_is_denied_unless_recorded if {
	residency.satisfied == {} with input as answer(home, elsewhere) with data.org as org(entry)
	residency.reasons["eu/a"] == {reason("residency/displaced", transfer, "The provider says in usage.inference_geo that it works elsewhere than was judged.")} with input as answer(home, elsewhere)
		with data.org as org(entry)
	recorded := org(object.union(entry, {"on_displacement": "record"}))
	residency.satisfied == {"eu/a": true} with input as answer(home, elsewhere) with data.org as recorded
	residency.reasons == {} with input as answer(home, elsewhere) with data.org as recorded
	residency.satisfied == {} with input as answer(home, elsewhere) with data.org as org(object.union(entry, {"on_displacement": "deny"}))
}

test_an_answer_without_evidence_is_denied_where_it_can_be_had if {
	needs := org(object.union(entry, {"evidence": "required"}))
	residency.satisfied == {} with input as answer(switched(home), {}) with data.org as needs
	residency.reasons["eu/a"] == {reason("residency/evidence-missing", ["DORA-30", "GDPR-5", "GDPR-44"], "The answer ended, and the provider did not say where it was made.")} with input as answer(switched(home), {})
		with data.org as needs
	residency.satisfied["eu/a"] with input as answer(switched(home), {"progress": {"finished": false}}) with data.org as needs
	residency.satisfied["eu/a"] with input as answer(switched(home), {"evidence": [elsewhere.evidence[1]]}) with data.org as needs
	residency.satisfied["eu/a"] with input as answer(home, {}) with data.org as needs
	residency.satisfied["eu/a"] with input as answer(object.union(home, {"facts": {"residency": {"switches": []}}}), {}) with data.org as needs
	residency.satisfied["eu/a"] with input as answer(switched(home), {}) with data.org as org(entry)
}

# It is the switch that was judged: that the target as it is may be anywhere is no reason of this denial.
test_what_is_denied_in_spite_of_its_switch_gives_no_reason_of_place if {
	away := switched(fixture.target("eu/a", ["CH"], ["*"], ["IE"]))
	residency.satisfied == {} with input as answer(away, elsewhere) with data.org as org(entry)
	{one.rule | some one in residency.reasons["eu/a"]} == {"residency/displaced"} with input as answer(away, elsewhere) with data.org as org(entry)
	rules({}, away, object.union(entry, {"contract": ["baa"]})) == {"residency/contract"}
	blank := switched(fixture.target("eu/a", [], [], ["IE"]))
	rules({}, blank, object.union(entry, {"contract": ["baa"]})) == {"residency/contract"}
}

hosted := object.union(home, {"model": "m-1", "facts": {"residency": {"host": "a.example"}}})

pin(hosts, models) := {"pin": {"hosts": hosts, "models": models}}

test_hosts_and_models_are_pinned if {
	named := object.union(entry, pin(["b.example", "a.example"], ["m-2", "m-1"]))
	calls({}, hosted, named)
	residency.obligations["eu/a"][0].params == {
		"endpoint": ["CH"], "processing": ["FR", "DE"], "storage": ["IE"],
		"hosts": ["a.example", "b.example"], "models": ["m-1", "m-2"],
	} with input as fixture.request({}, [hosted]) with data.org as org(named)
	only := object.union(entry, {"pin": {"models": ["m-1"]}})
	calls({}, object.union(home, {"model": "m-1"}), only)
	residency.obligations["eu/a"][0].params.models == ["m-1"] with input as fixture.request({}, [hosted]) with data.org as org(only)
	not residency.obligations["eu/a"][0].params.hosts with input as fixture.request({}, [hosted]) with data.org as org(only)
}

test_another_host_or_model_is_denied if {
	denied({}, hosted, object.union(entry, {"pin": {"hosts": ["b.example"]}})) == {reason(
		"residency/pin",
		["DORA-28", "DORA-30"],
		"The target eu/a is not among the hosts to which the tenant claims is pinned.",
	)}
	denied({}, hosted, object.union(entry, {"pin": {"models": ["m-2"]}})) == {reason(
		"residency/pin",
		["DORA-28", "DORA-30"],
		"The target eu/a is not among the models to which the tenant claims is pinned.",
	)}
	every facts in [{}, {"residency": {}}] {
		rules({}, object.union(home, {"facts": facts}), object.union(entry, {"pin": {"hosts": ["a.example"]}})) == {"residency/pin"}
	}
	rules({}, hosted, object.union(entry, {"pin": {"hosts": []}})) == {"residency/pin"}
}

test_each_entry_narrows_what_is_pinned if {
	two := object.union(entry, {"pin": {"models": ["m-1", "m-2"]}, "tasks": {
		"t": {"pin": {"models": ["m-2", "m-3"]}},
		"u": {"pin": {"models": ["m-1", "m-3"]}},
		"w": {"contract": []},
	}})
	calls({"task": "w"}, hosted, two)
	rules({"task": "t"}, hosted, two) == {"residency/pin"}
	calls({"task": "u"}, hosted, two)
	residency.obligations["eu/a"][0].params.models == ["m-1"] with input as fixture.request({"task": "u"}, [hosted]) with data.org as org(two)
}

test_a_pin_that_is_ill_shaped_is_denied if {
	every wrong in [{"host": ["a.example"]}, {"hosts": "a.example"}, {"models": {"x": "m-1"}}, {"profile": []}] {
		"residency/data" in rules({}, hosted, object.union(entry, {"pin": wrong}))
		"residency/data" in rules({"task": "t"}, hosted, object.union(entry, {"tasks": {"t": {"pin": wrong}}}))
	}
	denied({}, hosted, object.union(entry, {"pin": {"host": ["a.example"]}})) == {reason(
		"residency/data",
		["DORA-30"],
		"The policy's data for the tenant claims has an unknown or ill-shaped member: pin.host.",
	)}
	"residency/data" in rules({}, hosted, object.union(entry, {"pin": ["a.example"]}))
}
