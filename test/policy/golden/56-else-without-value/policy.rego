package customhouse

effect := "allow" if {
	input.call.stream
} else "deny"
