package customhouse

allow if lower(input.call.model, "x") == "a"
