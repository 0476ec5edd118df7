package customhouse

allow if {
	model := input.call.model
	model := "x"
	model == "x"
}
