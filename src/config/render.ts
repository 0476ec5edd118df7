import { stringify } from 'yaml'
import { type Path, pathText, placeText } from './issue.ts'
import type { LoadedConfig, Origin } from './load.ts'

/** The configuration in force, as one YAML document: every default written out, secrets by reference. */
export function renderConfig(loaded: LoadedConfig): string {
  return stringify(tree(loaded.origins), { lineWidth: 0 })
}

/** One line for each value: path, value, and what gave it. */
export function renderOrigins(loaded: LoadedConfig, shown: string): string {
  const rows = loaded.origins.map(({ path, value, place }) => [
    `${pathText(path)} = ${JSON.stringify(value)}`,
    placeText(shown, place),
  ])
  const width = Math.min(72, Math.max(0, ...rows.map(([left]) => left?.length ?? 0)))
  return rows.map(([left, right]) => `${(left ?? '').padEnd(width)}  ${right}\n`).join('')
}

type Tree = Origin['value'] | Tree[] | { [key: string]: Tree }

function tree(origins: readonly Origin[]): Tree {
  const root: { [key: string]: Tree } = {}
  for (const { path, value } of origins) set(root, path, value)
  return root
}

function set(root: { [key: string]: Tree } | Tree[], path: Path, value: Tree): void {
  const [step, ...rest] = path
  if (step === undefined) return
  const map = root as Record<string | number, Tree>
  if (rest.length === 0) {
    map[step] = value
    return
  }
  let below = map[step]
  if (typeof below !== 'object' || below === null) {
    below = typeof rest[0] === 'number' ? [] : {}
    map[step] = below
  }
  set(below as { [key: string]: Tree }, rest, value)
}
