package customhouse

allow if yaml.unmarshal("a: 1").a == 1

roll := rand.intn("x", 6)

env := opa.runtime().env
