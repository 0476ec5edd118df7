import type { Channel, Role } from '../../src/core/call.ts'
import type { Obligation } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { ENTITIES, ENTITY_NAME, isEntity } from './entity.ts'
import { NEVER_KEPT, type Operator, readOperator } from './operate/operator.ts'

/** Where tokens of a tool's arguments are put back: everywhere, nowhere, or in named top-level fields of named tools. */
export type Restoring = 'all' | 'none' | ReadonlyMap<string, 'all' | ReadonlySet<string>>

/** What a `redact` obligation asks for, read. Its shape is in README.md. */
export type Params = Readonly<{
  types: ReadonlyMap<string, Operator>
  /** Of types that are not listed; null: they are left alone. */
  others: Operator | null
  minScore: number
  scores: ReadonlyMap<string, number>
  /** null: all of them. */
  channels: ReadonlySet<Channel> | null
  roles: ReadonlySet<Role> | null
  restore: Readonly<{ text: boolean; tools: Restoring }>
  /** The answer is read by the inspector too. */
  answer: boolean
}>

/** Params that no `redact` obligation has: `message` says which member, and what it may be. It holds policy data, never text of a call. */
export type Misread = Readonly<{ message: string }>

const MEMBERS: ReadonlySet<string> = new Set(['types', 'min_score', 'scores', 'channels', 'roles', 'restore', 'answer'])
const CHANNELS: readonly Channel[] = ['text', 'reasoning', 'tool', 'data']
const ROLES: readonly Role[] = ['system', 'user', 'assistant', 'tool', 'none']
const DEFAULT_SCORE = 0.5

const known = new WeakMap<object, Params | Misread>()

/** Reads the params of an obligation, strictly: an unknown member or value is a {@link Misread}. Remembered, since verdicts are frozen and repeated. */
export function readParams({ params }: Obligation): Params | Misread {
  const before = known.get(params)
  if (before !== undefined) return before
  const read = parsed(params)
  if (Object.isFrozen(params)) known.set(params, read)
  return read
}

export function isMisread(read: Params | Misread): read is Misread {
  return 'message' in read
}

class Wrong extends Error {}

function parsed(params: Readonly<Record<string, Json>>): Params | Misread {
  try {
    return shaped(params)
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return { message: `redact: ${error.message}` }
  }
}

function shaped(params: Readonly<Record<string, Json>>): Params {
  for (const name of Object.keys(params)) {
    if (!MEMBERS.has(name)) throw new Wrong(`"${name}" is no member; there are ${[...MEMBERS].join(', ')}`)
  }
  const types = new Map<string, Operator>()
  let others: Operator | null = null
  for (const [type, value] of members(params.types, 'types')) {
    const operator = operatorOf(type, value)
    if (type === '*') others = operator
    else types.set(type, operator)
  }
  if (types.size === 0 && others === null) throw new Wrong('types must name at least one type, or "*"')
  const scores = new Map<string, number>()
  if (params.scores !== undefined) {
    for (const [type, value] of members(params.scores, 'scores')) {
      if (!ENTITY_NAME.test(type)) throw new Wrong(`scores: "${type}" is no type`)
      scores.set(type, score(value, `scores.${type}`))
    }
  }
  if (params.answer !== undefined && params.answer !== 'inspect') throw new Wrong('answer may only be "inspect"')
  return {
    types,
    others,
    minScore: params.min_score === undefined ? DEFAULT_SCORE : score(params.min_score, 'min_score'),
    scores,
    channels: words(params.channels, 'channels', CHANNELS),
    roles: words(params.roles, 'roles', ROLES),
    restore: restoreOf(params.restore),
    answer: params.answer === 'inspect',
  }
}

function operatorOf(type: string, value: Json): Operator {
  if (type !== '*' && !ENTITY_NAME.test(type)) throw new Wrong(`types: "${type}" is no type`)
  const read = readOperator(type, value)
  if (typeof read === 'string') throw new Wrong(`types.${type} ${read}`)
  return read
}

function restoreOf(value: Json | undefined): Params['restore'] {
  if (value === undefined) return { text: true, tools: 'all' }
  let text = true
  let tools: Restoring = 'all'
  for (const [name, member] of members(value, 'restore')) {
    if (name === 'text' && typeof member === 'boolean') text = member
    else if (name === 'tools') tools = toolsOf(member)
    else throw new Wrong('restore takes text: true or false, and tools')
  }
  return { text, tools }
}

function toolsOf(value: Json): Restoring {
  if (value === 'all' || value === 'none') return value
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Wrong(
      'restore.tools must be all, none, or the names of tools, each with "all" or a list of its fields (crm: all)',
    )
  const tools = new Map<string, 'all' | ReadonlySet<string>>()
  for (const [tool, fields] of members(value, 'restore.tools')) {
    if (fields === 'all') tools.set(tool, 'all')
    else if (isTexts(fields)) tools.set(tool, new Set(fields))
    else throw new Wrong('restore.tools: each tool takes "all" or a list of field names')
  }
  return tools
}

function members(value: Json | undefined, name: string): [string, Json][] {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Wrong(`${name} must be an object`)
  }
  return Object.entries(value)
}

function score(value: Json, name: string): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw new Wrong(`${name} must be a number from 0 to 1`)
  return value
}

function words<T extends string>(value: Json | undefined, name: string, all: readonly T[]): ReadonlySet<T> | null {
  if (value === undefined) return null
  const listed = new Set<T>()
  for (const word of isTexts(value) ? value : []) {
    const one = all.find((each) => each === word)
    if (one === undefined) throw new Wrong(`${name}: "${word}" is none of ${all.join(', ')}`)
    listed.add(one)
  }
  if (listed.size === 0) throw new Wrong(`${name} must be a list of ${all.join(', ')}`)
  return listed
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

const MASKED: Operator = { operator: 'mask', first: 0, last: 0 }

/**
 * What is done to findings of a type; null: nothing. By the rule for all others what must never be kept is not kept either, and flags are left alone: they mark a
 * subject, and take out nothing.
 */
export function operatorFor({ types, others }: Params, type: string): Operator | null {
  const listed = types.get(type)
  if (listed !== undefined || others === null) return listed ?? null
  if (isEntity(type) && ENTITIES[type].family === 'flag') return null
  if (!NEVER_KEPT.has(type)) return others
  return others.operator === 'drop' || others.operator === 'refuse' ? others : MASKED
}

/** The lowest score at which a finding of a type counts. */
export function scoreFor({ scores, minScore }: Params, type: string): number {
  return scores.get(type) ?? minScore
}
