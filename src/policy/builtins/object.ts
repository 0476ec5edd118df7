import { type Builtin, BuiltinError, operand } from './operand.ts'
import { compare, get, isArray, isObject, isSet, type RegoObject, type Value } from './value.ts'

type Charge = (units: number) => void

const equal = (a: Value, b: Value): boolean => compare(a, b) === 0

function objectSubset(superset: RegoObject, subset: RegoObject, charge: Charge): boolean {
  charge(superset.entries.length * subset.entries.length)
  return subset.entries.every(([key, value]) => {
    const other = get(superset, key)
    if (other === undefined) return false
    return equal(value, other) || (isSubset(other, value, charge) ?? false)
  })
}

function setSubset(superset: readonly Value[], subset: readonly Value[], charge: Charge): boolean {
  charge(superset.length * subset.length)
  return subset.every((item) => superset.some((other) => equal(item, other)))
}

/** OPA's own search (subset.go), with its fault kept: after a partial match it goes on from where the match began, plus one. */
function arraySubset(superset: readonly Value[], subset: readonly Value[], charge: Charge): boolean {
  charge(superset.length * subset.length)
  if (subset.length > superset.length) return false
  let start = 0
  let matched = 0
  for (;;) {
    if (matched === subset.length) return true
    const item = superset[start + matched]
    const wanted = subset[matched]
    if (item === undefined || wanted === undefined) return false
    if (equal(item, wanted)) matched += 1
    else {
      start += 1
      matched = 0
    }
  }
}

/** Counts as OPA does: each member of the array that is in the set, until there are as many as the set has. */
function arrayHoldsSet(superset: readonly Value[], subset: readonly Value[], charge: Charge): boolean {
  charge(superset.length * subset.length)
  let unmatched = subset.length
  return superset.some((item) => {
    if (subset.some((other) => equal(item, other))) unmatched -= 1
    return unmatched === 0
  })
}

function isSubset(superset: Value, subset: Value, charge: Charge): boolean | null {
  if (isObject(superset) && isObject(subset)) return objectSubset(superset, subset, charge)
  if (isSet(superset) && isSet(subset)) return setSubset(superset.set, subset.set, charge)
  if (isArray(superset) && isArray(subset)) return arraySubset(superset, subset, charge)
  return null
}

export const OBJECT: Readonly<Record<string, Builtin>> = {
  'object.subset': (args, { charge }) => {
    const superset = operand(args, 0)
    const subset = operand(args, 1)
    const answer =
      isArray(superset) && isSet(subset)
        ? arrayHoldsSet(superset, subset.set, charge)
        : isSubset(superset, subset, charge)
    if (answer === null) throw new BuiltinError('both operands must be of one type, or an array and a set')
    return answer
  },
}
