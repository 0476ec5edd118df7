package controls.suspended_test

import data.controls.suspended
import data.fixture

call := fixture.request({}, [fixture.target("eu/a", ["DE"], ["DE"], [])])

test_others_are_allowed if suspended.satisfied["eu/a"] with input as call with data.org.suspended as ["us"]

test_there_is_nothing_to_do if suspended.obligations["eu/a"] == [] with input as call

test_a_suspended_provider_is_denied if {
	reasons := suspended.reasons["eu/a"] with input as call with data.org.suspended as ["eu"]
	{reason.rule | some reason in reasons} == {"suspended/provider"}
	not suspended.satisfied["eu/a"] with input as call with data.org.suspended as ["eu"]
}
