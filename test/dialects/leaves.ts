/** String leaves of plain JSON, found without any code of the product: the yardstick of the canary tests. */

export type Step = string | number
export type Leaf = Readonly<{ path: readonly Step[]; text: string }>

export function leavesOf(json: unknown, path: readonly Step[] = []): readonly Leaf[] {
  if (typeof json === 'string') return [{ path, text: json }]
  if (Array.isArray(json)) return json.flatMap((item, index) => leavesOf(item, [...path, index]))
  if (isObject(json)) return Object.keys(json).flatMap((name) => leavesOf(json[name], [...path, name]))
  return []
}

/** Paths of all objects, the root included. */
export function objectsOf(json: unknown, path: readonly Step[] = []): readonly (readonly Step[])[] {
  if (Array.isArray(json)) return json.flatMap((item, index) => objectsOf(item, [...path, index]))
  if (!isObject(json)) return []
  return [path, ...Object.keys(json).flatMap((name) => objectsOf(json[name], [...path, name]))]
}

/** A copy with `value` at a path, whose last step may be new. */
export function planted(json: unknown, path: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(json)) return json.map((item, index) => (index === step ? planted(item, rest, value) : item))
  if (!isObject(json)) throw new Error(`nothing to plant in at ${path.join('/')}`)
  return { ...json, [step]: planted(json[step], rest, value) }
}

/** RFC 6901. */
export function pointerOf(path: readonly Step[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
