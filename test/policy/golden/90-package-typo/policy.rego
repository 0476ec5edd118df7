packge customhouse

allow if input.call.stream
