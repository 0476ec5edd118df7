package controls.residency.regimes_test

import data.controls.residency
import data.fixture

org(grant) := {"residency": {
	"regions": {"WORLD": {"*": "anywhere"}},
	"tenants": {"claims": object.union({"endpoint": ["WORLD"], "processing": ["WORLD"], "storage": ["WORLD"]}, grant)},
}}

target(place, contract) := object.union(fixture.target("t/a", [place], [place], []), {"contract": contract})

allowed(grant, call, place, contract) if {
	residency.satisfied["t/a"] with input as fixture.request(call, [target(place, contract)]) with data.org as org(grant)
}

denied(grant, call, place, contract) := found if {
	not allowed(grant, call, place, contract)
	found := residency.reasons["t/a"] with input as fixture.request(call, [target(place, contract)]) with data.org as org(grant)
}

rules(regime, place, contract) := {one.rule | some one in denied({"regimes": [regime]}, {}, place, contract)}

on(regime, place, contract) if allowed({"regimes": [regime]}, {}, place, contract)

test_gdpr if {
	every place in ["DE", "NO", "CH", "JP", "KR", "BR", "GB", "UY"] {
		on("gdpr", place, ["dpa"])
	}
	on("gdpr", "US", ["dpa", "dpf"])
	on("gdpr", "CA", ["dpa", "pipeda"])
	rules("gdpr", "US", ["dpa"]) == {"residency/transfer"}
	rules("gdpr", "CA", ["dpa"]) == {"residency/transfer"}
	rules("gdpr", "IN", ["dpa", "scc"]) == {"residency/transfer"}
	rules("gdpr", "*", ["dpa", "scc"]) == {"residency/transfer"}
	rules("gdpr", "DE", []) == {"residency/contract"}
	denied({"regimes": ["gdpr"]}, {}, "IN", ["dpa"]) == {{
		"rule": "residency/transfer",
		"controls": ["GDPR-44", "GDPR-45", "GDPR-46"],
		"message": "The regime gdpr does not let text of the tenant claims go to IN.",
	}}
}

test_a_transfer_that_was_assessed_needs_its_clauses if {
	assessed := {"regimes": ["gdpr"], "transfers": {"gdpr": ["IN"], "uk": ["PH"]}}
	allowed(assessed, {}, "IN", ["dpa", "scc"])
	{one.rule | some one in denied(assessed, {}, "IN", ["dpa"])} == {"residency/transfer"}
	{one.rule | some one in denied(assessed, {}, "PH", ["dpa", "scc"])} == {"residency/transfer"}
}

gb(context) := object.union(fixture.request({}, [target("GB", ["dpa"])]), {"context": context})

test_a_decision_ends_with_its_last_day if {
	residency.satisfied["t/a"] with input as gb({"date": "2031-12-27"}) with data.org as org({"regimes": ["gdpr"]})
	not residency.satisfied["t/a"] with input as gb({"date": "2031-12-28"}) with data.org as org({"regimes": ["gdpr"]})
}

test_without_a_date_a_decision_that_ends_is_not_in_force if {
	call := object.remove(gb({}), ["context"])
	not residency.satisfied["t/a"] with input as call with data.org as org({"regimes": ["gdpr"]})
}

test_hipaa if {
	on("hipaa", "*", ["baa"])
	rules("hipaa", "US", []) == {"residency/contract"}
	allowed({"regimes": ["hipaa"]}, {"references": [{"kind": "image", "where": "inline", "count": 1}]}, "US", ["baa"])
	every where in ["remote", "stored"] {
		denied({"regimes": ["hipaa"]}, {"references": [{"kind": "server_tool", "where": where, "count": 1}]}, "US", ["baa"]) == {{
			"rule": "residency/reference",
			"controls": ["HIPAA-164.314", "HIPAA-164.504"],
			"message": $"The regime hipaa permits no {where} server_tool.",
		}}
	}
	allowed({"regimes": ["us_only"]}, {"references": [{"kind": "image", "where": "remote", "count": 1}]}, "US", [])
}

test_the_others if {
	on("swiss", "MC", ["dpa"])
	on("swiss", "US", ["dpa", "dpf_swiss"])
	rules("swiss", "JP", ["dpa"]) == {"residency/transfer"}
	on("swiss_only", "CH", ["dpa"])
	rules("swiss_only", "DE", ["dpa"]) == {"residency/transfer"}
	on("uk", "JP", ["dpa"])
	rules("uk", "US", ["dpa", "dpf"]) == {"residency/transfer"}
	on("us_only", "US", [])
	rules("us_only", "CA", []) == {"residency/transfer"}
}

test_an_unknown_regime_denies if "residency/regime" in rules("gpdr", "DE", ["dpa"])
