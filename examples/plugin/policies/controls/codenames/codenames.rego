# METADATA
# title: Code names
# description: No call and no answer holds a code name.
package controls.codenames

import data.customhouse.targets

satisfied[target.id] := true if {
	some target in targets
	every finding in input.findings { finding.type != "codename" }
}

obligations[target.id] := [] if some target in targets

reasons[target.id] contains {"rule": "codenames/found", "controls": [], "message": "The text holds a code name."} if {
	some target in targets
	some finding in input.findings
	finding.type == "codename"
}
