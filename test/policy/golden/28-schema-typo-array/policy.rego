package customhouse

allow if {
	some finding in input.findings
	finding.tpye == "email"
}

score := max([f.maxscore | some f in input.findings])

kind := input.findings[_].kind
