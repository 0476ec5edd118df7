package customhouse

allow if {
	count([f | some f in input.findings; f.type == "email") > 0
}
