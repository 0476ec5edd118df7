import { OVERRIDES } from './override.ts'
import { jsonSchema } from './schema.ts'
import type { Shape } from './shape.ts'

type Row = Readonly<{ name: string; type: string; fallback: string; text: string }>

/** The reference of every setting, in Markdown, from the schema itself. */
export function reference(): string {
  const rows = [...walk(jsonSchema(), '')].map(
    ({ name, type, fallback, text }) => `| \`${name}\` | ${type} | ${fallback} | ${text} |`,
  )
  const variables = OVERRIDES.map(({ path, env, option }) => `| \`${path.join('.')}\` | \`${env}\` | \`${option}\` |`)
  return [
    '| Setting | Type | Default | |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '| Setting | Environment | Flag |',
    '| --- | --- | --- |',
    '| the file itself | `CUSTOMHOUSE_CONFIG` | `--config <file>` |',
    ...variables,
    '',
  ].join('\n')
}

function* walk(shape: Shape, path: string): Generator<Row> {
  const required = new Set(shape.required)
  for (const [key, below] of Object.entries(shape.properties ?? {})) {
    if (typeof below !== 'object') continue
    const name = path === '' ? key : `${path}.${key}`
    const open = Object.keys(below.properties ?? {}).length > 0
    if (!open || below.description !== undefined) yield row(name, below, required.has(key))
    yield* inside(below, name)
  }
}

function* inside(shape: Shape, name: string): Generator<Row> {
  yield* walk(shape, name)
  const { additionalProperties: any, items } = shape
  if (typeof any === 'object') yield* inside(any, `${name}.<name>`)
  if (typeof items === 'object' && !Array.isArray(items)) yield* inside(items as Shape, `${name}[]`)
  for (const option of shape.anyOf ?? []) if (typeof option === 'object') yield* walk(option, name)
}

function row(name: string, shape: Shape, required: boolean): Row {
  const given = shape.default
  const fallback = required
    ? '**required**'
    : given === undefined
      ? '-'
      : `\`${typeof given === 'string' ? given : JSON.stringify(given)}\``
  return { name, type: typeOf(shape), fallback, text: shape.description ?? '' }
}

function typeOf(shape: Shape): string {
  if (shape.const !== undefined) return `\`${JSON.stringify(shape.const)}\``
  if (shape.enum !== undefined) return shape.enum.map((one) => `\`${String(one)}\``).join(', ')
  if (shape.anyOf !== undefined) {
    return shape.anyOf.map((one) => (typeof one === 'object' ? typeOf(one) : '')).join(' or ')
  }
  if (shape.type === 'object') return 'map'
  if (shape.type === 'array') return 'list'
  if (shape.pattern?.includes('(ms|s|m|h|d)')) return 'duration'
  if (shape.pattern?.includes('(B|KiB|MiB|GiB)')) return 'size'
  return String(shape.type ?? 'any')
}
