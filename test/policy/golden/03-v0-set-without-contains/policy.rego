package customhouse

deny[msg] {
	input.call.stream
	msg := "no streams"
}
