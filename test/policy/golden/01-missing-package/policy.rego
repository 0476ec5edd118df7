allow if input.call.stream
