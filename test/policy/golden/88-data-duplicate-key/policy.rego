package customhouse

allow if data.org.limit > 3
