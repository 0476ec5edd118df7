package customhouse

b if {
	x := print("b")
	x
}
