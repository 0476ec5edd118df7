package customhouse

x := {1, 2}[0]["a"]

s contains 1

y := s.foo
