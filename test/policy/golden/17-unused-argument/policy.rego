package customhouse

cheap(model, price) if price < 3

allow if cheap("a", 1)

allow if {
	some x, y in input.findings
	x == 1
}
