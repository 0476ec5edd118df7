/** Keywords of JSON Schema (draft 2020-12, and OpenAPI's `nullable`), which tools' schemas are written in. */
const SCHEMA = `
  properties patternProperties additionalProperties required items prefixItems enum const default examples anyOf oneOf allOf not
  $ref $defs $schema definitions pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems
  maxItems uniqueItems minProperties maxProperties nullable deprecated`

/** Objects of a schema whose member names are the sender's own. */
const FREE_IN_SCHEMA: readonly string[] = [
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'default',
  'examples',
  'const',
]

/**
 * Tells names of a dialect's own from the sender's words. A member of a dialect's own name says nothing that its sender could choose, so the name is no
 * segment. Every other name is: it could hold anything.
 *
 * @param words the dialect's names, between white space; JSON Schema's keywords are added
 * @param free objects in which every name is the sender's own, whatever it is
 * @returns whether a member's name must be inspected; `parent` names the object that it stands in
 */
export function vocabulary(words: string, free: readonly string[]): (name: string, parent: string) => boolean {
  const own = new Set(`${words} ${SCHEMA}`.trim().split(/\s+/))
  const open = new Set([...free, ...FREE_IN_SCHEMA])
  return (name, parent) => open.has(parent) || !own.has(name)
}
