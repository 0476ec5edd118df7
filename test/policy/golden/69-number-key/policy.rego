package customhouse

x := 01

y := 1.
