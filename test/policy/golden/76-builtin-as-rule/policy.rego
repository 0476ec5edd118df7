package customhouse

count := 3

allow if count(input.findings) > 1
