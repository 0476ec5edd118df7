package customhouse

import data.controls.residancy
import data.controls.quotas as q

allow if {
	residancy.satisfied
	q.satisfyed
	data.controls[input.call.id].satisfied
	data.elsewhere.flag
	data.contorls.residency.satisfied
}
