package customhouse

allow if {
	some i
	input.call.stream
}
