package customhouse

# METADATA
# title: The decision
# entrypoint: 3
allow if input.call.stream
