package customhouse

x : = 1
