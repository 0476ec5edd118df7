package customhouse

default allow := false

allow {
	input.call.model == "gpt-4o"
}
