package customhouse

allow if input.call.stream && input.call.model == "x"

b if input.call.stream || true

c if !input.call.stream
