package controls.suspended

import data.customhouse.targets

satisfied[target.id] := true if {
	some target in targets
	every provider in data.org.suspended { provider != target.provider }
}

obligations[target.id] := [] if some target in targets

reasons[target.id] contains {"rule": "suspended/provider", "controls": ["DORA-28"], "message": message} if {
	some target in targets
	target.provider in data.org.suspended
	message := $"The provider {target.provider} is suspended."
}
