package customhouse

# METADATA

allow if input.call.stream

# METADATA
# just words
b if input.call.stream
