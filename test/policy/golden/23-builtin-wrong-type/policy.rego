package customhouse

allow if {
	startswith(input.call.stream, "gpt")
	count(7) > 1
	input.call.model + 1 > 2
}
