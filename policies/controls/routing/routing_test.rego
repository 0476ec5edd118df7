package controls.routing_test

import data.controls.routing
import data.fixture

target := fixture.target("eu/a", ["DE"], ["DE"], [])

call := fixture.request({}, [target])

org(entry) := {"routing": {"defaults": {"fallback": {"on": []}}, "tenants": {"claims": entry}}}

whole := {
	"retry": {"times": 3, "on": ["connect", "throttled"], "wait_ms": 60000},
	"deadline": {"first_byte_ms": 1, "total_ms": 3600000},
}

test_the_data_becomes_obligations if {
	routing.satisfied == {"eu/a": true} with input as call with data.org as org(whole)
	routing.obligations == {"eu/a": [
		{"type": "attempt.retry", "params": whole.retry},
		{"type": "attempt.fallback", "params": {"on": []}},
		{"type": "attempt.deadline", "params": whole.deadline},
	]} with input as call with data.org as org(whole)
}

test_a_tenants_member_stands_in_place_of_the_default if {
	own := {"fallback": {"on": ["connect"]}}
	routing.obligations["eu/a"] == [{"type": "attempt.fallback", "params": {"on": ["connect"]}}] with input as call with data.org as org(own)
}

test_an_answer_carries_none if {
	routing.satisfied == {"eu/a": true} with input as fixture.response(target) with data.org as org(whole)
	routing.obligations == {"eu/a": []} with input as fixture.response(target) with data.org as org(whole)
}

test_a_tenant_without_an_entry_has_the_defaults if {
	other := fixture.request({"principal": {"tenant": "other"}}, [target])
	routing.obligations["eu/a"] == [{"type": "attempt.fallback", "params": {"on": []}}] with input as other with data.org as org(whole)
}

test_what_is_ill_shaped_is_denied if {
	wrong := [
		{"retries": {}},
		{"retry": {"times": 0, "on": []}},
		{"retry": {"times": 1}},
		{"retry": {"times": 1, "on": ["typo"]}},
		{"retry": {"times": 1, "on": "connect"}},
		{"retry": {"times": 1, "on": {"first": "connect"}}},
		{"retry": {"times": 1, "on": [], "wait_ms": -1}},
		{"retry": {"times": 1, "on": [], "wait_ms": 60001}},
		{"retry": {"times": 1, "on": [], "wait_ms": 0.5}},
		{"retry": {"times": 1, "on": [], "wait_ms": "9"}},
		{"retry": {"times": 1, "on": [], "wait": 1}},
		{"retry": {"times": 1, "on": ["connect", "connect"]}},
		{"fallback": {"on": ["typo"]}},
		{"fallback": {"on": ["connect", "connect"]}},
		{"fallback": {"on": [], "more": 1}},
		{"deadline": {}},
		{"deadline": {"total_ms": 0}},
		{"deadline": {"total_ms": 3600001}},
		{"deadline": {"total": 1}},
		"none",
	]
	every entry in wrong {
		routing.satisfied == {} with input as call with data.org as org(entry)
	}
	routing.satisfied == {} with input as call with data.org as {"routing": {"tenants": {"claims": whole}}}
	routing.satisfied == {} with input as call with data.org as {"routing": {"defaults": [], "tenants": {"claims": whole}}}
	routing.reasons["eu/a"] == {{
		"rule": "routing/data",
		"controls": ["DORA-28"],
		"message": "The policy's data for the routing of the tenant claims has an unknown or ill-shaped member: retries.",
	}} with input as call with data.org as org(wrong[0])
}

member(name) := {{
	"rule": "routing/data",
	"controls": ["DORA-28"],
	"message": $"The policy's data for the routing of the tenant claims has an unknown or ill-shaped member: {name}.",
}}

test_what_is_not_there_is_named if {
	every data_of in [{}, {"routing": {"tenants": {}}}, {"routing": {"defaults": "none", "tenants": {}}}] {
		routing.satisfied == {} with input as call with data.org as data_of
	}
	routing.reasons["eu/a"] == member("defaults") with input as call with data.org as {"routing": {"tenants": {"claims": whole}}}
	routing.reasons["eu/a"] == member("defaults") with input as call with data.org as {"routing": {"defaults": "none", "tenants": {}}}
	routing.reasons["eu/a"] == member("tenants") with input as call with data.org as {"routing": {"defaults": {}}}
	routing.reasons["eu/a"] == member("tenants") with input as call with data.org as org("none")
	routing.reasons["eu/a"] == member("defaults") | member("tenants") with input as call with data.org as {}
}
