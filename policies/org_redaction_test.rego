# The choices of org/redaction.yaml, through the entrypoint: who changes those changes these tests with them.
package org_redaction_test

import data.customhouse
import data.fixture

germany := fixture.target("eu/a", ["DE"], ["DE", "FR"], ["IE"])

asked(changes) := fixture.request(changes, [germany])

redacted(verdict) := [obligation.params | some obligation in verdict.obligations; obligation.type == "redact"]

test_every_tenant_has_the_profile_standard if {
	every name in ["claims", "research", "lab"] {
		decision := customhouse.decision with input as asked({"principal": {"tenant": name}})
		redacted(decision.targets["eu/a"]) == [{"profile": "standard"}]
	}
}

test_an_answer_is_not_looked_at if {
	decision := customhouse.decision with input as fixture.response(germany)
	decision.effect == "allow"
	decision.obligations == []
}

test_health_data_and_cards_have_their_profile_beside_it if {
	decision := customhouse.decision with input as asked({"classes": ["pci"]})
	redacted(decision.targets["eu/a"])[0].types["*"] == "token"
	health := customhouse.decision with input as asked({"principal": {"tenant": "lab"}, "model": "o5", "classes": ["phi"]})
	redacted(health.targets["eu/a"])[0].restore == {"text": true, "tools": "none"}
}

test_these_are_the_choices if {
	data.org.redaction == {
		"defaults": {"profile": "standard"},
		"tenants": {},
		"classes": {"phi": "hipaa_safe_harbor", "pci": "pci"},
	}
}
