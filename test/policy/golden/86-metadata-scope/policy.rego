# METADATA
# scope: rule
# title: Everything
package customhouse

allow if input.call.stream
