package customhouse

allow if input.call.model.name == "gpt-4o"
