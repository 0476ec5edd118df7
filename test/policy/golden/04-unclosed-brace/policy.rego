package customhouse

allow if {
	input.call.model == "gpt-4o"

reasons contains "x" if input.call.stream
