package customhouse

default limit := input.call.max_tokens

default f(x) := x
