package customhouse

allow if startswith(input.call.model)
