package customhouse

import rego.v1
import future.keywords.in
import future.keywords.foo

allow if 1 in [1]
