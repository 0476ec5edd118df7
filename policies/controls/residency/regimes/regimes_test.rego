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

# The lists of the regimes, whole: who changes one changes it here as well, and the difference shows both.
listed(words) := {word | some word in split(words, " ")}

eea := listed("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK")

test_there_are_these_regimes if {
	object.keys(residency.regimes) == listed("gdpr hipaa swiss swiss_only uk us_only")
}

test_text_may_go_without_more_to_these_places if {
	{name: object.keys(regime.within) | some name, regime in residency.regimes} == {
		"gdpr": eea,
		"hipaa": {"*"},
		"swiss": (eea | listed("AD AR CH FO GB GG GI IL IM JE MC NZ UY")),
		"swiss_only": {"CH"},
		"uk": (eea | listed("AD AR CH GB GG GI IL IM JE JP NZ UY")),
		"us_only": {"US"},
	}
}

test_text_may_go_by_decision_to_these_places if {
	decided := {name: {place: [decision.contract, object.get(decision, "until", "")] | some place, decision in regime.adequate} |
		some name, regime in residency.regimes
		regime.adequate
	}
	decided == {
		"gdpr": object.union(
			{place: [[], ""] | some place in listed("AD AR BR CH FO GG IL IM JE JP KR NZ UY")},
			{"CA": [["pipeda"], ""], "GB": [[], "2031-12-27"], "US": [["dpf"], ""]},
		),
		"swiss": {"CA": [["pipeda"], ""], "US": [["dpf_swiss"], ""]},
		"uk": {"CA": [["pipeda"], ""], "KR": [[], ""], "US": [["dpf_uk"], ""]},
	}
}

test_the_regimes_ask_for_these_clauses_and_references if {
	{name: [regime.contract, object.get(regime, "safeguard", ""), object.get(regime, "references", "any")] |
		some name, regime in residency.regimes
	} == {
		"gdpr": [["dpa"], "scc", "any"],
		"hipaa": [["baa"], "", ["inline"]],
		"swiss": [["dpa"], "scc", "any"],
		"swiss_only": [["dpa"], "", "any"],
		"uk": [["dpa"], "idta", "any"],
		"us_only": [[], "", "any"],
	}
}

test_a_regime_has_no_member_that_nobody_reads if {
	every _, regime in residency.regimes {
		object.keys(regime) - listed("contract within adequate safeguard references regulations") == set()
		every _, decision in object.get(regime, "adequate", {}) {
			object.keys(decision) - listed("decision date contract until") == set()
		}
	}
}

# The target as it is may be anywhere, and it is its switch that the regime was held against.
test_what_a_switch_covers_gives_no_reason_of_transfer if {
	switched := object.union(fixture.target("t/a", ["US"], ["*"], []), {"facts": {"residency": {"switches": [{
		"inference_geo": "us",
		"endpoint": ["US"], "processing": ["US"], "storage": [],
	}]}}})
	call := fixture.request({}, [switched])
	grant := org({"regimes": ["us_only"]})
	residency.obligations["t/a"][0].params.inference_geo == "us" with input as call with data.org as grant
	residency.satisfied["t/a"] with input as call with data.org as grant
	lacking := org({"regimes": ["us_only"], "contract": ["baa"]})
	{one.rule | some one in residency.reasons["t/a"]} == {"residency/contract"} with input as call with data.org as lacking
}

test_an_end_that_is_no_date_is_no_decision if {
	every until in [["2031-12-27"], {"d": "2031-12-27"}, false, null, 20311227, "31.12.2031", "9 May 2031", "2031-1-1", "2000-01-01"] {
		rules("gdpr", "UY", ["dpa"]) == {"residency/transfer"} with data.controls.residency.regimes.gdpr.adequate.UY as {"contract": [], "until": until}
	}
	rules("gdpr", "UY", ["dpa"]) == {"residency/transfer"} with data.controls.residency.regimes.gdpr.adequate.UY as {"contract": [], "untill": "2000-01-01"}
}

test_clauses_that_are_no_list_are_not_met if {
	every contract in [{}, "", null] {
		rules("gdpr", "UY", ["dpa"]) == {"residency/transfer"} with data.controls.residency.regimes.gdpr.adequate.UY as {"contract": contract}
	}
}

test_transfers_that_are_no_list_are_ill_shaped if {
	every value in [{"note": "IN"}, "IN", null] {
		found := denied({"regimes": ["gdpr"], "transfers": {"gdpr": value}}, {}, "IN", ["dpa", "scc"])
		{one.rule | some one in found} == {"residency/data", "residency/transfer"}
	}
	allowed({"regimes": ["gdpr"], "transfers": {"gdpr": ["IN"]}}, {}, "IN", ["dpa", "scc"])
	"residency/data" in {one.rule | some one in denied({"transfers": {"gdpr": "IN"}}, {}, "DE", [])}
}

test_a_regime_with_a_misspelt_or_ill_shaped_member_denies if {
	every wrong in [{"reference": ["inline"]}, {"contract": {}}, {"references": "inline"}] {
		regime := object.union({"contract": [], "within": {"US": "x"}, "regulations": {"places": ["DORA-30"]}}, wrong)
		"residency/data" in rules("us_only", "US", []) with data.controls.residency.regimes.us_only as regime
	}
}

test_a_place_that_is_covered_gives_no_reason if {
	two := object.union(target("IN", ["dpa"]), {"residency": {"endpoint": ["DE"], "processing": ["IN"], "storage": ["DE"]}})
	{one.message | some one in residency.reasons["t/a"]; one.rule == "residency/transfer"} == {"The regime gdpr does not let text of the tenant claims go to IN."} with input as fixture.request({}, [two]) with data.org as org({"regimes": ["gdpr"]})
}
