package customhouse

allow if input.call.stream == "yes"

b if "email" == input.findings
