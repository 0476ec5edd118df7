package controls.codenames_test

import data.controls.codenames
import data.fixture

target := fixture.target("eu/a", ["DE"], ["DE"], [])

found(type) := object.union(fixture.request({}, [target]), {"findings": [{"type": type, "count": 1, "roles": ["user"], "max_score": 1}]})

test_nothing_found_is_allowed if codenames.satisfied["eu/a"] with input as fixture.request({}, [target])

test_other_findings_are_not_ours if codenames.satisfied["eu/a"] with input as found("email")

test_a_code_name_is_denied if {
	not codenames.satisfied["eu/a"] with input as found("codename")
	reasons := codenames.reasons["eu/a"] with input as found("codename")
	{reason.rule | some reason in reasons} == {"codenames/found"}
}

test_there_is_nothing_to_do if codenames.obligations == {"eu/a": []} with input as found("codename")
