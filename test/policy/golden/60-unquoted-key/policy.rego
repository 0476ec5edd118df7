package customhouse

obj := {effect: "allow"}

y := {"a": 1, }
