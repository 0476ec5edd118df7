package customhouse

if := 1

every := 2
