package customhouse_test

import data.customhouse
import data.fixture

de := fixture.target("eu/de", ["DE"], ["DE"], [])

us := fixture.target("us/us", ["US"], ["US"], [])

# The controls a and b, as documents: a is content with both targets, b with the first.
answers := {
	"a": {
		"satisfied": {"eu/de": true, "us/us": true},
		"reasons": {},
		"obligations": {"eu/de": [{"type": "x", "params": {"n": 1}}], "us/us": [{"type": "x", "params": {"n": 2}}]},
	},
	"b": {
		"satisfied": {"eu/de": true},
		"reasons": {"us/us": {{"rule": "b/far", "controls": ["GDPR-44"], "message": "Too far."}}},
		"obligations": {"eu/de": [], "us/us": []},
	},
}

asked(names) := object.union(fixture.request({}, [de, us]), {"context": {"controls": names}})

unsatisfied(name) := {
	"control": name,
	"rule": concat("", [name, "/unsatisfied"]),
	"controls": [],
	"message": concat("", ["The control ", name, " did not say that it is satisfied."]),
}

changed(name, answer) := object.union(
	object.remove(answers, [name]),
	{name: object.union(object.remove(answers[name], object.keys(answer)), answer)},
)

test_a_target_is_allowed_when_every_control_is_satisfied if {
	decision := customhouse.decision with input as asked(["b", "a"]) with data.controls as answers
	decision.targets["eu/de"] == {
		"effect": "allow",
		"satisfied": ["a", "b"],
		"reasons": [],
		"obligations": [{"type": "x", "params": {"n": 1}}],
	}
}

test_a_target_is_denied_when_one_control_is_not if {
	decision := customhouse.decision with input as asked(["b", "a"]) with data.controls as answers
	decision.targets["us/us"] == {
		"effect": "deny",
		"satisfied": ["a"],
		"reasons": [{"control": "b", "rule": "b/far", "controls": ["GDPR-44"], "message": "Too far."}],
		"obligations": [],
	}
}

test_the_order_is_that_of_the_route if {
	decision := customhouse.decision with input as asked(["a"]) with data.controls as answers
	decision.order == ["eu/de", "us/us"]
	object.keys(decision) == {"targets", "order"}
}

test_a_control_that_need_not_answer_is_not_heard if {
	decision := customhouse.decision with input as asked(["a"]) with data.controls as answers
	decision.targets["us/us"].effect == "allow"
	decision.targets["us/us"].satisfied == ["a"]
}

test_a_control_named_twice_is_one if {
	decision := customhouse.decision with input as asked(["a", "a"]) with data.controls as answers
	decision.targets["eu/de"].effect == "allow"
	decision.targets["eu/de"].satisfied == ["a"]
}

test_silence_is_a_denial if {
	decision := customhouse.decision with input as asked(["a", "nobody"]) with data.controls as answers
	decision.targets["eu/de"] == {
		"effect": "deny",
		"satisfied": ["a"],
		"reasons": [unsatisfied("nobody")],
		"obligations": [],
	}
}

test_no_control_at_all_is_a_denial if {
	decision := customhouse.decision with input as asked([]) with data.controls as answers
	decision.targets["eu/de"] == {"effect": "deny", "satisfied": [], "reasons": [], "obligations": []}
}

test_false_is_not_satisfied if {
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("a", {"satisfied": {"eu/de": false}})
	decision.targets["eu/de"].effect == "deny"
	decision.targets["eu/de"].reasons == [unsatisfied("a")]
}

test_only_true_is_satisfied if {
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("a", {"satisfied": {"eu/de": "true"}})
	decision.targets["eu/de"].effect == "deny"
}

test_obligations_that_are_not_defined_are_a_denial if {
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("b", {"obligations": {}})
	decision.targets["eu/de"].effect == "deny"
	decision.targets["eu/de"].satisfied == ["a"]
	decision.targets["eu/de"].obligations == []
	decision.targets["eu/de"].reasons == [{
		"control": "b",
		"rule": "b/obligations",
		"controls": [],
		"message": "The control b is satisfied, but its obligations are no array.",
	}]
}

test_what_a_satisfied_control_objects_to_is_not_the_reason if {
	objection := {{"rule": "b/far", "controls": [], "message": "Too far."}}
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("b", {"obligations": {}, "reasons": {"eu/de": objection}})
	{reason.rule | some reason in decision.targets["eu/de"].reasons} == {"b/obligations"}
}

test_obligations_in_a_set_are_a_denial if {
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("b", {"obligations": {"eu/de": {{"type": "x", "params": {}}}}})
	decision.targets["eu/de"].effect == "deny"
}

test_a_malformed_reason_is_replaced if {
	decision := customhouse.decision with input as asked(["a", "b"])
		with data.controls as changed("b", {"reasons": {"us/us": [{"rule": "b/far"}]}})
	decision.targets["us/us"].reasons == [unsatisfied("b")]
}

test_a_built_in_error_is_a_denial if {
	decision := customhouse.decision with input as asked(["broken"])
	decision.targets["eu/de"] == {
		"effect": "deny",
		"satisfied": [],
		"reasons": [unsatisfied("broken")],
		"obligations": [],
	}
}

test_without_an_error_the_same_control_allows if {
	targets := [object.union(de, {"provider": "1"})]
	decision := customhouse.decision with input as object.union(asked(["broken"]), {"targets": targets})
	decision.targets["eu/de"].effect == "allow"
}

test_a_call_without_targets_has_no_verdicts if {
	decision := customhouse.decision with input as fixture.request({}, [])
	decision == {"targets": {}, "order": []}
}

test_two_targets_of_one_id_are_undefined if {
	not customhouse.decision with input as fixture.request({}, [de, de])
}

test_an_unknown_phase_is_undefined if {
	not customhouse.decision with input as object.union(asked(["a"]), {"phase": "else"}) with data.controls as answers
	not customhouse.decision with input as object.union(fixture.response(de), {"phase": "else"})
}

test_no_input_is_undefined if {
	not customhouse.decision
}

test_an_answer_gets_one_verdict if {
	answer := object.union(fixture.response(de), {"context": {"controls": ["a", "b"]}})
	decision := customhouse.decision with input as answer with data.controls as answers
	decision == {
		"effect": "allow",
		"satisfied": ["a", "b"],
		"reasons": [],
		"obligations": [{"type": "x", "params": {"n": 1}}],
	}
}

test_an_answer_can_be_denied if {
	answer := object.union(fixture.response(us), {"context": {"controls": ["a", "b"]}})
	decision := customhouse.decision with input as answer with data.controls as answers
	decision.effect == "deny"
	decision.reasons == [{"control": "b", "rule": "b/far", "controls": ["GDPR-44"], "message": "Too far."}]
}
