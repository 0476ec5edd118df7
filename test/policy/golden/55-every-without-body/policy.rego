package customhouse

allow if every f in input.findings

b if {
	every f in input.findings
}
