package customhouse

reasons := "none"

reasons contains "x" if input.call.stream
