package customhouse

# METADATA
# schemas:
#   - input: schema.imput
allow if input.call.stream
