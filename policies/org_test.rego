# The shipped data, through the entrypoint.
package org_test

import data.customhouse
import data.fixture

germany := fixture.target("eu/a", ["DE"], ["DE", "FR"], ["IE"])

switzerland := fixture.target("eu/a", ["CH"], ["CH"], [])

america := fixture.target("eu/a", ["US"], ["US"], [])

world := fixture.target("eu/a", ["DE"], ["*"], [])

verdict(tenant, call, target) := decision.targets["eu/a"] if {
	asked := object.union(call, {"principal": {"tenant": tenant}})
	decision := customhouse.decision with input as fixture.request(asked, [target])
}

denials(tenant, call, target) := {reason.rule | some reason in verdict(tenant, call, target).reasons}

test_claims_stays_in_the_eea if {
	verdict("claims", {}, germany).effect == "allow"
	denials("claims", {}, switzerland) == {"residency/endpoint", "residency/processing"}
	denials("claims", {}, america) == {"residency/endpoint", "residency/processing"}
	denials("claims", {}, world) == {"residency/processing"}
}

test_claims_sends_health_data_only_under_a_baa_and_unstored if {
	denials("claims", {"task": "phi"}, germany) == {"residency/contract", "residency/storage"}
	covered := object.union(fixture.target("eu/a", ["DE"], ["DE"], []), {"contract": ["baa"]})
	verdict("claims", {"task": "phi"}, covered).effect == "allow"
}

test_research_goes_further if {
	verdict("research", {}, switzerland).effect == "allow"
	verdict("research", {}, america).effect == "allow"
	denials("research", {}, world) == {"residency/processing"}
	verdict("research", {"references": [{"kind": "image", "where": "inline", "count": 1}]}, germany).effect == "allow"
}

test_lab_goes_anywhere_with_any_model if {
	verdict("lab", {"model": "o5"}, world).effect == "allow"
	denials("claims", {"model": "o5"}, germany) == {"models/model"}
}

test_nobody_goes_nowhere if {
	denials("_canary", {}, germany) == {"models/tenant", "residency/tenant"}
}

test_every_tenant_has_all_three_models if {
	every tenant in ["claims", "research", "lab"] {
		every model in ["auto", "gpt-4o", "gpt-4o-mini"] {
			verdict(tenant, {"model": model}, germany).effect == "allow"
		}
	}
}

test_the_eea_has_thirty_countries if {
	count(data.org.residency.regions.EEA) == 30
}
