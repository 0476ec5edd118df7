package customhouse

allow if regex.match("gpt-(4", input.call.model)
