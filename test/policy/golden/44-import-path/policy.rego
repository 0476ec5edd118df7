package customhouse

import controls.residency

allow if residency.satisfied
