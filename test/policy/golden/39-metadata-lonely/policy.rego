package customhouse

# METADATA
# title: Only the EU

allow if input.call.stream

# METADATA
# title: nothing follows
