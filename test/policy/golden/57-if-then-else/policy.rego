package customhouse

effect := "a" if input.call.stream else if true { "b" }
