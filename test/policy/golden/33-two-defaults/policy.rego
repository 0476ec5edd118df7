package customhouse

default allow := false

default allow := true

allow if input.call.stream
