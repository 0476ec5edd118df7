package customhouse

f(x) := x

f(x, y) := x + y

allow if f(1) == f(1, 2)
