package customhouse

allow if {
	time.now_nss() > 1
	startwith(input.call.model, "gpt")
}
