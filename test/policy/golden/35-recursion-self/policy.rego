package customhouse

depth(n) := 1 + depth(n - 1) if n > 0

depth(0) := 0
