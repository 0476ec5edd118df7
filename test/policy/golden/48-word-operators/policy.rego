package customhouse

allow if input.call.stream and input.call.model == "x"
