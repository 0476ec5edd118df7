package customhouse

allow if input.call.model == 'gpt-4o'
