package customhouse.max-tokens

allow if input.call.max-tokens > 3
