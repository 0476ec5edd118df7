package customhouse

allow if {
	model := input.call.model
	input.call.stream
}
