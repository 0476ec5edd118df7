package customhouse

x := 1

x := 2
