package customhouse

allow if residency.satisfied
