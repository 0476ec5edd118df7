package customhouse

allow if input.call.Model == "gpt-4o"

b if input.findings.email

c if input.call["max-tokens"] > 3
