package customhouse

import data.controls.residency
import data.org.residency

allow if residency.satisfied
