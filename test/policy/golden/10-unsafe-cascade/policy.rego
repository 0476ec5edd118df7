package customhouse

allow if {
	model == "gpt-4o"
	startswith(model, "gpt")
	count(model) > 3
	not region == "eu"
}

reasons contains sprintf("%s in %s", [model, region]) if {
	region != "eu"
}
