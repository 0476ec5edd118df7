package customhouse

allow if data.customhouse.permited

permitted if input.call.stream
