package customhouse

allow if any([input.call.stream, true])

b if re_match("x", input.call.model)
