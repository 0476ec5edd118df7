package customhouse

import data.controls.residency
import data.controls.quotas as q

allow if input.call.stream
