package customhouse

allow if {
	model == "gpt-4o"
	model := input.call.model
}
