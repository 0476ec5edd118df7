package customhouse

reasons contains {"rule": rule, "text": text} if {
	input.call.stream
	text := "x"
}
