package customhouse

# METADATA
# titel: Only the EU
# control: GDPR-44
# custom:
#   controls: [GDPR-44]
# description: |
#   A text: with colons.
allow if input.call.stream
