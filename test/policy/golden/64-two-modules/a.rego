package customhouse

allow if input.call.modle
