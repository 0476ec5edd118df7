package customhouse

allow if {
	x := not input.call.stream
	x
}
