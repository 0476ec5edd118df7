package customhouse

allow if {
	input.call.model ==
}
