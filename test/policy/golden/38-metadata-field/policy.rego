package customhouse

# METADATA
# titel: Only the EU
# scope: everything
allow if input.call.stream
