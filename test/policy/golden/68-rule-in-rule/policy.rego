package customhouse

allow if {
	deny contains "x"
}
