package customhouse

allow if {
	some model in permitted_models
	input.call.model == model
}

first := models[i] if {
	models[i].residency == "eu"
}
