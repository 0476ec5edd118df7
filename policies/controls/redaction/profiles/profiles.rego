package controls.redaction

import data.controls.redaction.profiles
import data.controls.redaction.ranks
import data.org.redaction

# The organisation's own profiles first, then those beside this file.
profile(name) := one if one := redaction.profiles[name]

else := profiles[name]

# The parameters of the obligation in this phase, of each profile that applies and has any.
documents := array.concat(first, [document | document := beside[_][part]])

part := "redact" if input.targets

part := "answer" if input.target

first := [] if {
	own
	not own[part]
}

first := [adjusted(own.redact)] if input.targets

first := [own.answer] if input.target

# What the tenant's own profile asks for, with the operators and the tools of its entry.
adjusted(document) := document if as_it_stands

else := laid(document, {
	"types": laid(document.types, laid(added(document), operators)),
	"restore": laid(object.get(document, "restore", {"tools": "all"}), tools),
})

as_it_stands if {
	not entry.types
	not entry.tools
	not redaction.entities
}

default operators := {}

operators := entry.types

default tools := {}

tools := {"tools": entry.tools}

# Types that the organisation's data defines, where the profile says nothing of them.
added(document) := {type: object.get(entity, "operator", "token") |
	some type, entity in redaction.entities
	not entity.type
	not document.types[type]
}

# The members of `over` in place of those of the same name, whole. Mostly there are none, and nothing is copied.
laid(under, over) := under if over == {}

else := object.union(object.remove(under, object.keys(over)), over)

# Of several the strictest of each member.
strictest(list) := list[0] if count(list) == 1

else := object.union(
	{
		"types": {type: one |
			some type in {type | some type, _ in list[_].types}
			one := tightest({operator(document, type) | some document in list})
		},
		"min_score": min({least(document) | some document in list}),
		"scores": {type: min({threshold(document, type) | some document in list}) |
			some type in {type | some type, _ in list[_].scores}
		},
	},
	object.union({"restore": one | one := restored(list)}, {"answer": document.answer | some document in list}),
)

operator(document, type) := object.get(document.types, type, object.get(document.types, "*", "keep"))

named(one) := one if is_string(one)

named(one) := one.operator

# Where two of one name differ in what they leave, nothing is left.
tightest(operators_of) := one if {
	count(top(operators_of)) == 1
	some one in top(operators_of)
} else := "drop"

top(operators_of) := {one |
	some one in operators_of
	ranks[named(one)] == max({ranks[named(other)] | some other in operators_of})
}

least(document) := object.get(document, "min_score", 0.5)

threshold(document, type) := object.get(object.get(document, "scores", {}), type, least(document))

# Back into a tool only what each of them lets back; only requests' parameters say it.
restored(list) := {"text": texts == {true}, "tools": narrowest({document.restore.tools | some document in list} - {"all"})} if {
	texts := {object.get(document.restore, "text", true) | some document in list}
	texts != set()
}

narrowest(tools_of) := "all" if tools_of == set()

narrowest(tools_of) := one if {
	count(tools_of) == 1
	some one in tools_of
}

narrowest(tools_of) := "none" if count(tools_of) > 1
