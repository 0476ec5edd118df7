package controls.residency

import data.controls.residency.members

# Where the law of a regime lets text go. Its lists are data beside this file, each with its source; a place that is in none
# of them is not covered, so neither is one that is not known.
covers(regime, place, _, _) if regime.within[place]

covers(regime, _, _, _) if regime.within["*"]

# The authority of the regime has found the place's protection adequate, for recipients whose contract has the clauses.
covers(regime, place, contract, _) if {
	is_array(regime.adequate[place].contract)
	every clause in regime.adequate[place].contract {
		clause in contract
	}
	in_force(regime.adequate[place])
}

# Appropriate safeguards by contract, for a place whose transfer the tenant has assessed.
covers(regime, place, contract, assessed) if {
	regime.safeguard in contract
	is_array(assessed)
	place in assessed
}

# A misspelt end is no decision without an end.
in_force(decision) if {
	not "until" in object.keys(decision)
	every name, _ in decision {
		members.decision[name]
	}
}

# Both are dates, year first. Where the date of the call is not known, a decision that ends is not in force.
in_force(decision) if {
	regex.match(`^\d{4}-\d\d-\d\d$`, decision.until)
	input.context.date <= decision.until
}
