package customhouse

allow if input.cal.model == "gpt-4o"
