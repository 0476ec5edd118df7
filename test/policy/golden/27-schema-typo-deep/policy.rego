package customhouse

allow if {
	input.call.modle == "gpt-4o"
	input.call.principal.tennant == "claims"
	startswith(input.call.modle, "gpt")
}
