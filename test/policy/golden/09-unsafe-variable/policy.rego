package customhouse

allow if budget > 3
