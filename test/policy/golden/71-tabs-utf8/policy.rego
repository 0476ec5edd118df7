package customhouse

allow if {
	input.call.model == "größe"; input.call.modle == "日本語"
}
