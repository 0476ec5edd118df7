package customhouse

allow if {
	input := {"call": {}}
	input.call
}
