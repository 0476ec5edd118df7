package controls.redaction_profiles_test

import data.controls.redaction
import data.controls.redaction.profiles
import data.controls.redaction.ranks
import data.fixture

target := fixture.target("eu/a", ["DE"], ["DE"], [])

names := {"standard", "gdpr", "hipaa_safe_harbor", "pci", "secrets", "health", "finance", "off"}

settings(profile) := {"defaults": {"profile": profile}, "tenants": {}}

# Type -> name of the operator.
operators(params) := {type: redaction.named(one) | some type, one in params.types}

params(name) := profiles[name].redact if named_by(fixture.request({}, [target]), name)

answers(name) := profiles[name].answer if named_by(fixture.response(target), name)

named_by(question, name) if {
	obligations := redaction.obligations with input as question with data.org.redaction as settings(name)
	obligations["eu/a"] == [{"type": "redact", "params": {"profile": name}}]
}

# What a profile does with a type, listed or not.
done(name, type) := redaction.named(redaction.operator(params(name), type))

with_operator(name, operator) := {type | some type, one in operators(params(name)); one == operator}

denies(name, reference) if {
	call := fixture.request({"references": [reference]}, [target])
	redaction.satisfied == {} with input as call with data.org.redaction as settings(name)
}

test_these_are_the_profiles if object.keys(profiles) == names

test_every_operator_is_one_that_there_is if {
	every name in names - {"off"} {
		every _, operator in operators(params(name)) {
			operator in object.keys(ranks)
		}
	}
}

test_off_takes_nothing_out if profiles.off == {}

listed(words) := {word | some word in split(words, " ")}

# 45 CFR 164.514(b)(2)(i), by letter. P and Q are pictures and recordings: below.
safe_harbor := {
	"A": "PERSON",
	"B": "LOCATION ADDRESS ZIP",
	"C": "DATE AGE",
	"D": "PHONE",
	"F": "EMAIL",
	"G": "SSN",
	"H": "MRN",
	"I": "MBI HICN NHS",
	"J": "CREDIT_CARD CVV TRACK PIN IBAN ABA_ROUTING US_ACCOUNT UK_SORT_CODE CRYPTO",
	"K": "NPI DEA DRIVER_LICENSE",
	"L": "VIN PLATE",
	"M": "MAC IMEI DEVICE",
	"N": "URL",
	"O": "IP",
	"R": "ID ITIN EIN NINO PASSPORT USERNAME",
}

test_safe_harbor_takes_out_every_identifier if {
	every name in ["hipaa_safe_harbor", "health"] {
		every _, types in safe_harbor {
			every type in listed(types) {
				done(name, type) in {"token", "generalise", "drop"}
			}
		}
		with_operator(name, "generalise") == {"DATE", "AGE", "ZIP"}
		with_operator(name, "drop") == {"CVV", "TRACK", "PIN"}
		params(name).types.DATE.to == "year"
		done(name, "SOMETHING_NEW") == "token"
		with_operator(name, "keep") == listed("ORG BIC CUSIP ISIN LEI HEALTH")
		params(name).restore == {"text": true, "tools": "none"}
	}
}

# 164.514(c): a code must not be derived from what it stands for.
test_safe_harbor_derives_no_code if {
	every name in ["hipaa_safe_harbor", "health"] {
		with_operator(name, "hash") | with_operator(name, "surrogate") == set()
	}
}

test_pictures_and_recordings_are_refused_where_all_is_read if {
	every name in ["hipaa_safe_harbor", "health", "finance"] {
		every kind in ["image", "video", "audio", "document", "file", "call", "stored", "container", "thread", "vector_store"] {
			denies(name, {"kind": kind, "where": "inline", "count": 1})
		}
		every kind in ["server_tool", "tool_server", "web_search", "data_source", "guardrail", "prompt"] {
			not denies(name, {"kind": kind, "where": "remote", "count": 1})
		}
	}
	every name in ["standard", "gdpr", "pci", "secrets", "off"] {
		not denies(name, {"kind": "image", "where": "inline", "count": 1})
	}
}

test_pci_leaves_six_and_four_and_no_proof_of_the_holder if {
	params("pci") == {
		"types": {"CREDIT_CARD": {"operator": "mask", "first": 6, "last": 4}, "CVV": "drop", "TRACK": "drop", "PIN": "drop"},
		"restore": {"text": true, "tools": "all"},
	}
}

test_proof_of_the_holder_is_kept_nowhere if {
	every name in names - {"off", "secrets"} {
		with_operator(name, "drop") & listed("CVV TRACK PIN") == listed("CVV TRACK PIN")
	}
}

identifiers := listed("PERSON ADDRESS ZIP PHONE EMAIL USERNAME SSN ITIN EIN MRN MBI HICN NHS ID NINO PASSPORT DRIVER_LICENSE NPI DEA VIN PLATE IMEI MAC DEVICE IP CREDIT_CARD IBAN ABA_ROUTING US_ACCOUNT UK_SORT_CODE CRYPTO")

tokens(name, types) if {
	every type in types {
		done(name, type) == "token"
	}
}

test_standard_takes_out_persons_accounts_and_secrets_and_puts_them_back if {
	tokens("standard", identifiers | {"SECRET"})
	with_operator("standard", "keep") == listed("LOCATION ORG DATE AGE URL BIC CUSIP ISIN LEI HEALTH")
	params("standard").restore == {"text": true, "tools": "all"}
}

test_gdpr_adds_places_and_addresses_online if {
	tokens("gdpr", identifiers | listed("SECRET LOCATION URL"))
	with_operator("gdpr", "keep") == listed("ORG DATE AGE BIC CUSIP ISIN LEI HEALTH")
	params("gdpr").restore == {"text": true, "tools": "all"}
}

test_secrets_are_credentials_alone if {
	params("secrets") == {"types": {"SECRET": "token"}, "restore": {"text": true, "tools": "none"}}
}

test_finance_adds_dates_ages_and_codes_of_banks_and_refuses_credentials if {
	tokens("finance", identifiers | listed("LOCATION URL DATE AGE BIC"))
	with_operator("finance", "keep") == listed("ORG CUSIP ISIN LEI HEALTH")
	with_operator("finance", "refuse") == {"SECRET"}
	params("finance").restore == {"text": true, "tools": "none"}
}

test_strict_profiles_have_answers_read_and_masked if {
	every name in ["health", "finance"] {
		params(name).answer == "inspect"
		object.keys(answers(name)) == {"types"}
		{one | some _, one in answers(name).types} == {"mask", "drop"}
		listed("PERSON EMAIL SSN CREDIT_CARD CVV SECRET") - object.keys(answers(name).types) == set()
	}
	every name in names - {"health", "finance"} {
		not answers(name)
		not profiles[name].redact.answer
	}
}

test_the_subject_alone_is_never_taken_out if {
	every name in names - {"off"} {
		done(name, "HEALTH") == "keep"
	}
}

# Of several profiles the strictest of each member.
strictest(list) := redaction.strictest(list)

typed(operator) := {"types": {"A": operator}}

test_operators_are_ordered_by_what_they_let_through if {
	order := ["keep", "generalise", "mask", "surrogate", "token", "hash", "drop", "refuse"]
	every index, name in order {
		ranks[name] == index
		strictest([typed(order[0]), typed(name)]).types == {"A": name}
		strictest([typed(name), typed("refuse")]).types == {"A": "refuse"}
	}
	count(ranks) == count(order)
}

test_one_profile_is_itself if strictest([typed("mask")]) == typed("mask")

test_what_a_profile_does_not_list_is_kept_by_it if {
	strictest([typed("mask"), {"types": {"B": "token"}}]).types == {"A": "mask", "B": "token"}
	strictest([typed("mask"), {"types": {"*": "token", "B": "keep"}}]).types == {"A": "token", "B": "keep", "*": "token"}
}

test_two_of_one_name_that_differ_leave_nothing if {
	four := typed({"operator": "mask", "last": 4})
	strictest([four, typed("mask")]).types == {"A": "drop"}
	strictest([four, four]).types == four.types
	strictest([four, typed("mask"), typed("token")]).types == {"A": "token"}
}

test_the_lowest_score_counts if {
	low := {"types": {"A": "mask"}, "min_score": 0.3}
	strictest([low, typed("mask")]).min_score == 0.3
	strictest([typed("mask"), typed("keep")]).min_score == 0.5
	strictest([{"types": {}, "min_score": 0.6}, {"types": {}, "min_score": 0.7}]).min_score == 0.6
	scored := {"types": {"A": "mask"}, "min_score": 0.9, "scores": {"A": 0.2, "B": 0.8}}
	strictest([low, scored]).scores == {"A": 0.2, "B": 0.3}
	strictest([typed("mask"), typed("keep")]).scores == {}
}

back(restore) := {"types": {}, "restore": restore}

test_only_what_each_lets_back_comes_back if {
	all := {"text": true, "tools": "all"}
	pay := {"text": true, "tools": {"pay": "all"}}
	mail := {"text": true, "tools": {"mail": "all"}}
	strictest([back(all), back(all)]).restore == all
	strictest([back(all), back(pay)]).restore == pay
	strictest([back(pay), back(pay)]).restore == pay
	strictest([back(pay), back(mail)]).restore == {"text": true, "tools": "none"}
	strictest([back(all), back({"text": false, "tools": "all"})]).restore == {"text": false, "tools": "all"}
	strictest([back({"text": false, "tools": "all"}), back({"text": false, "tools": "all"})]).restore.text == false
	strictest([back(all), back({"tools": "none"})]).restore == {"text": true, "tools": "none"}
	strictest([back(all), typed("mask")]).restore == all
	not strictest([typed("mask"), typed("keep")]).restore
}

test_an_answer_is_inspected_where_one_of_them_says_so if {
	strictest([{"types": {}, "answer": "inspect"}, {"types": {}}]).answer == "inspect"
	not strictest([{"types": {}}, {"types": {}}]).answer
}
