package customhouse

allow if input.call.stream

test_allow if allow with call.stream as true

test_b if allow with startwith as true

test_c if allow with input.call.strem as true
