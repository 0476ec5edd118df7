package customhouse

allow if {
	not input.findings[i].type == "email"
}
