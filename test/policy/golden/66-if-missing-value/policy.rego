package customhouse

allow := if input.call.stream
