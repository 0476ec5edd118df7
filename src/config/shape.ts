import type { z } from 'zod'
import type { Path } from './issue.ts'
import type { Raw, RawMap } from './source.ts'

/** One node of the configuration's JSON Schema: what defaults, suggestions and the reference are read from. */
export type Shape = z.core.JSONSchema.JSONSchema

export function isRawMap(value: Raw | undefined): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The sections below a shape that fit `value`: the map branch of a union when the value is a map. */
function branch(shape: Shape, value: Raw | undefined): Shape {
  if (shape.anyOf === undefined) return shape
  const wanted = isRawMap(value) ? 'object' : Array.isArray(value) ? 'array' : typeof value
  return shape.anyOf.find((one) => typeof one === 'object' && one.type === wanted) ?? shape
}

function isShape(value: unknown): value is Shape {
  return typeof value === 'object' && value !== null
}

/** The value with every default of the schema filled in, in the order of the schema. Never changes `value`. */
export function withDefaults(shape: Shape, value: Raw): Raw {
  const fit = branch(shape, value)
  if (Array.isArray(value)) {
    const items = fit.items
    return isShape(items) && !Array.isArray(items) ? value.map((item) => withDefaults(items, item)) : value
  }
  if (!isRawMap(value)) return value
  const filled: RawMap = {}
  for (const [key, below] of Object.entries(fit.properties ?? {})) {
    if (!isShape(below)) continue
    const given = Object.hasOwn(value, key) ? value[key] : structuredClone(below.default as Raw | undefined)
    if (given !== undefined) filled[key] = withDefaults(below, given)
  }
  for (const [key, one] of Object.entries(value)) {
    if (Object.hasOwn(filled, key)) continue
    filled[key] = isShape(fit.additionalProperties) ? withDefaults(fit.additionalProperties, one) : one
  }
  return filled
}

/** Names that the schema knows at a path, in its own order; none where any name may stand. */
export function namesAt(shape: Shape, path: Path, root: Raw): readonly string[] {
  let [at, value]: [Shape, Raw | undefined] = [shape, root]
  for (const step of path) {
    const fit = branch(at, value)
    const below = typeof step === 'number' ? fit.items : (fit.properties?.[step] ?? fit.additionalProperties)
    if (!isShape(below) || Array.isArray(below)) return []
    at = below
    value = valueAt(value, [step])
  }
  return Object.keys(branch(at, value).properties ?? {})
}

export function valueAt(value: Raw | undefined, path: Path): Raw | undefined {
  let at = value
  for (const step of path) {
    if (Array.isArray(at)) at = typeof step === 'number' ? at[step] : undefined
    else at = isRawMap(at) && Object.hasOwn(at, step) ? at[step] : undefined
  }
  return at
}

/** Every leaf below a value, in order: scalars, empty maps and empty lists. */
export function* leaves(value: Raw, path: Path = []): Generator<readonly [Path, Raw]> {
  const entries: [string | number, Raw][] = Array.isArray(value)
    ? value.map((item, index) => [index, item])
    : isRawMap(value)
      ? Object.entries(value)
      : []
  if (entries.length === 0) yield [path, value]
  for (const [step, below] of entries) yield* leaves(below, [...path, step])
}

/** Names of maps below a value, with their paths. */
export function* names(value: Raw, path: Path = []): Generator<Path> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* names(item, [...path, index])
  if (!isRawMap(value)) return
  for (const [key, below] of Object.entries(value)) {
    yield [...path, key]
    yield* names(below, [...path, key])
  }
}
