import type { Choice, Effect, Obligation, Reason } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'

/** The answer of a policy before the host has checked its controls: what policies/schema/output.json says. */
export type RawVerdict = Readonly<{
  effect: Effect
  satisfied: ReadonlySet<string>
  reasons: readonly Reason[]
  obligations: readonly Obligation[]
}>

type Members = Readonly<Record<string, Json>>

function malformed(where: string, what: string): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_MALFORMED', `The policy's answer is malformed at ${where}: ${what}.`, {
    detail: { where },
  })
}

export function members(
  value: Json | undefined,
  where: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Members {
  if (!isMembers(value)) throw malformed(where, 'an object belongs here')
  const names = Object.keys(value)
  const unknown = names.find((name) => !required.includes(name) && !optional.includes(name))
  if (unknown !== undefined) throw malformed(where, `the member ${JSON.stringify(unknown)} is unknown`)
  const missing = required.find((name) => !names.includes(name))
  if (missing !== undefined) throw malformed(where, `the member ${JSON.stringify(missing)} is missing`)
  return value
}

export function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function anyMembers(value: Json | undefined, where: string): Members {
  if (!isMembers(value)) throw malformed(where, 'an object belongs here')
  return value
}

function list(value: Json | undefined, where: string): readonly Json[] {
  if (!Array.isArray(value)) throw malformed(where, 'a list belongs here')
  return value
}

function text(value: Json | undefined, where: string): string {
  if (typeof value !== 'string') throw malformed(where, 'a string belongs here')
  return value
}

export function texts(value: Json | undefined, where: string): string[] {
  return list(value, where).map((item, index) => text(item, `${where}/${index}`))
}

/** Obligations of one verdict at most. All of them must be carried out, so what has more is no verdict. */
export const MOST_OBLIGATIONS = 100
/** Reasons of one verdict at most. A record holds 20 and says that there were more, so further ones would tell nobody anything. */
export const MOST_REASONS = 100

function readReasons(value: Json | undefined, where: string): readonly Reason[] {
  const all = list(value, where).map((item, index) => readReason(item, `${where}/${index}`))
  if (all.length <= MOST_REASONS) return all
  // Different ones: else what is left could be fewer than a record marks as cut.
  const kept = new Map<string, Reason>()
  for (const reason of all) {
    if (kept.size === MOST_REASONS) break
    const key = `${reason.rule}\n${reason.message}`
    if (!kept.has(key)) kept.set(key, reason)
  }
  return [...kept.values()]
}

function readObligations(value: Json | undefined, where: string): readonly Obligation[] {
  const all = list(value, where)
  if (all.length > MOST_OBLIGATIONS)
    throw malformed(where, `there are ${all.length} obligations, more than ${MOST_OBLIGATIONS}`)
  return all.map((item, index) => readObligation(item, `${where}/${index}`))
}

function readReason(value: Json, where: string): Reason {
  const reason = members(value, where, ['control', 'rule', 'controls', 'message'])
  return {
    control: text(reason.control, `${where}/control`),
    rule: text(reason.rule, `${where}/rule`),
    controls: texts(reason.controls, `${where}/controls`),
    message: text(reason.message, `${where}/message`),
  }
}

function readObligation(value: Json, where: string): Obligation {
  const obligation = members(value, where, ['type', 'params'])
  return { type: text(obligation.type, `${where}/type`), params: anyMembers(obligation.params, `${where}/params`) }
}

export function readVerdict(value: Json | undefined, where: string): RawVerdict {
  const verdict = members(value, where, ['effect', 'satisfied', 'reasons', 'obligations'])
  const { effect } = verdict
  if (effect !== 'allow' && effect !== 'deny') throw malformed(`${where}/effect`, 'allow or deny belongs here')
  return {
    effect,
    satisfied: new Set(texts(verdict.satisfied, `${where}/satisfied`)),
    reasons: readReasons(verdict.reasons, `${where}/reasons`),
    obligations: readObligations(verdict.obligations, `${where}/obligations`),
  }
}

/** A verdict for each candidate target, and for no other. */
export function readTargets(value: Json | undefined, ids: readonly string[]): Map<string, RawVerdict> {
  const targets = anyMembers(value, '/targets')
  const unknown = Object.keys(targets).find((id) => !ids.includes(id))
  if (unknown !== undefined) throw malformed('/targets', `${JSON.stringify(unknown)} is no candidate target`)
  return new Map(
    ids.map((id) => {
      if (!Object.hasOwn(targets, id)) throw malformed('/targets', `the target ${JSON.stringify(id)} has no verdict`)
      return [id, readVerdict(targets[id], `/targets/${id}`)]
    }),
  )
}

/** Target ids, each a candidate, none twice. */
export function readOrder(value: Json | undefined, ids: readonly string[]): readonly string[] {
  if (value === undefined) return []
  const order = texts(value, '/order')
  const unknown = order.find((id) => !ids.includes(id))
  if (unknown !== undefined) throw malformed('/order', `${JSON.stringify(unknown)} is no candidate target`)
  if (new Set(order).size !== order.length) throw malformed('/order', 'a target is named twice')
  return order
}

export function readChoice(value: Json | undefined): Choice | null {
  if (value === undefined) return null
  const choice = members(value, '/choose', ['by'], ['shares'])
  const { by, shares = {} } = choice
  if (by !== 'first' && by !== 'cheapest' && by !== 'fastest' && by !== 'fair-share') {
    throw malformed('/choose/by', 'first, cheapest, fastest or fair-share belongs here')
  }
  const read = new Map<string, number>()
  for (const [name, share] of Object.entries(anyMembers(shares, '/choose/shares'))) {
    if (typeof share !== 'number' || !(share >= 0))
      throw malformed(`/choose/shares/${name}`, 'a number of at least 0 belongs here')
    read.set(name, share)
  }
  return { by, shares: Object.fromEntries(read) }
}
