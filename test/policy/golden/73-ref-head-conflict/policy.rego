package customhouse

a.b.c := 1

a.b := 2

a.b := 3
