package customhouse

# METADATA
# title: Only the EU
# custom:
#  control: GDPR-44
#   article: 44
allow if input.call.stream
