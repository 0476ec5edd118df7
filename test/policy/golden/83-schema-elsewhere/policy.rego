package customhouse

allow if input.tenant == "claims"

b if input.call.max_score > 0.5

c if input.call.residency == "eu"
