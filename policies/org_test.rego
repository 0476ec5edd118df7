# The choices of org/*.yaml, through the entrypoint: who changes those changes these tests with them.
package org_test

import data.customhouse
import data.fixture

germany := fixture.target("eu/a", ["DE"], ["DE", "FR"], ["IE"])

switzerland := fixture.target("ch/a", ["CH"], ["CH"], [])

america := fixture.target("us/a", ["US"], ["US"], [])

world := fixture.target("any/a", ["DE"], ["*"], [])

tenant(name, call) := object.union(call, {"principal": {"tenant": name}})

# Target id -> the rules that deny it.
denials(decision) := {id: rules |
	some id, verdict in decision.targets
	rules := {reason.rule | some reason in verdict.reasons}
}

test_claims_stays_in_the_eea_and_switzerland if {
	targets := [switzerland, germany, america, world]
	decision := customhouse.decision with input as fixture.request(tenant("claims", {}), targets)
	denials(decision) == {
		"eu/a": set(),
		"ch/a": set(),
		"us/a": {"residency/endpoint", "residency/processing"},
		"any/a": {"residency/processing"},
	}
}

test_claims_sends_health_data_only_under_a_baa_and_unstored if {
	covered := object.union(fixture.target("eu/b", ["DE"], ["DE"], []), {"contract": ["baa"]})
	call := tenant("claims", {"task": "phi"})
	decision := customhouse.decision with input as fixture.request(call, [germany, covered])
	denials(decision) == {"eu/a": {"residency/contract", "residency/storage"}, "eu/b": set()}
	decision.targets["eu/b"].effect == "allow"
}

test_research_goes_further_and_may_send_images if {
	call := tenant("research", {"references": [{"kind": "image", "where": "inline", "count": 1}]})
	decision := customhouse.decision with input as fixture.request(call, [germany, america, world])
	denials(decision) == {"eu/a": set(), "us/a": set(), "any/a": {"residency/processing"}}
}

test_lab_goes_anywhere_with_any_model if {
	call := tenant("lab", {"model": "o5"})
	decision := customhouse.decision with input as fixture.request(call, [germany, america, world])
	denials(decision) == {"eu/a": set(), "us/a": set(), "any/a": set()}
}

test_claims_may_not_use_any_model if {
	decision := customhouse.decision with input as fixture.request(tenant("claims", {"model": "o5"}), [germany])
	denials(decision) == {"eu/a": {"models/model"}}
}

test_nobody_goes_nowhere if {
	decision := customhouse.decision with input as fixture.request(tenant("_canary", {}), [germany])
	denials(decision) == {"eu/a": {"models/tenant", "residency/tenant"}}
}

test_every_tenant_has_all_models_to_ask_and_to_count if {
	every name in ["claims", "research", "lab"] {
		every model in ["auto", "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "nova-lite", "mistral-large"] {
			every operation in ["chat", "count_tokens"] {
				call := tenant(name, {"model": model, "operation": operation})
				decision := customhouse.decision with input as fixture.request(call, [germany])
				decision.targets["eu/a"].effect == "allow"
			}
		}
	}
}

test_text_to_be_counted_goes_no_further_than_text_to_be_answered if {
	call := tenant("claims", {"operation": "count_tokens"})
	decision := customhouse.decision with input as fixture.request(call, [germany, america])
	denials(decision) == {"eu/a": set(), "us/a": {"residency/endpoint", "residency/processing"}}
}

# A profile of Bedrock from London: GB is not among the places of claims.
test_a_profile_goes_where_all_of_its_places_are_permitted if {
	frankfurt := fixture.target("bedrock/eu.claude", ["DE"], ["DE", "ES", "FR", "IE", "IT", "SE"], ["DE", "ES", "FR", "IE", "IT", "SE"])
	london := fixture.target("london/eu.claude", ["GB"], ["CH", "DE", "ES", "FR", "GB", "IE", "IT", "SE"], ["GB"])
	decision := customhouse.decision with input as fixture.request(tenant("claims", {}), [frankfurt, london])
	denials(decision) == {
		"bedrock/eu.claude": set(),
		"london/eu.claude": {"residency/endpoint", "residency/processing", "residency/storage"},
	}
}

# The data, whole: what the tests above show by example holds for every member. A member that is added, such as a class, a purpose or
# a pin, fails these until it is written here as well.
test_these_are_the_tenants_models if {
	models := ["auto", "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "nova-lite", "mistral-large"]
	operations := ["chat", "count_tokens"]
	data.org.models == {"tenants": {
		"claims": {"operations": operations, "models": models},
		"research": {"operations": operations, "models": models, "references": {"image": ["inline"]}},
		"lab": {"operations": operations, "models": ["*"], "references": {"image": ["inline", "remote"], "audio": ["inline"], "file": ["inline"]}},
	}}
}

everywhere(names) := {"endpoint": names, "processing": names, "storage": names}

test_these_are_the_tenants_places if {
	data.org.residency.tenants == {
		"claims": object.union(everywhere(["EEA", "CH"]), {"tasks": {"phi": {"storage": [], "contract": ["baa"]}}}),
		"research": everywhere(["EEA", "CH", "GB", "US"]),
		"lab": everywhere(["WORLD"]),
	}
	object.keys(data.org.residency) == {"regions", "tenants"}
}

test_these_are_the_regions if {
	{name: object.keys(places) | some name, places in data.org.residency.regions} == {
		"EEA": {place | some place in split("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK", " ")},
		"CH": {"CH"},
		"GB": {"GB"},
		"US": {"US"},
		"WORLD": {"*"},
	}
}

test_every_failure_lets_the_next_target_be_tried_and_none_is_repeated if {
	data.org.routing == {"defaults": {}, "tenants": {}}
}
