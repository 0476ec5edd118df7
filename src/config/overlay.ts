import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { isCustomhouseError } from '../core/errors.ts'
import { type Json, type JsonTree, NumberLexeme } from '../core/json.ts'
import { parseTree } from '../core/parse.ts'
import type { Issue } from './issue.ts'

/** A file of `residency.catalogue` as it was read; the plugin that owns the format judges what it says. */
export type Overlay = Readonly<{ name: string; content: Json; bytes: Uint8Array }>

const FILE_MAX_BYTES = 16 * 1024 * 1024

/** Reads the files in order. What cannot be read, or is no JSON that every parser reads alike, is an issue at its place. */
export function overlaysOf(
  files: readonly string[],
): Readonly<{ overlays: readonly Overlay[]; issues: readonly Issue[] }> {
  const overlays: Overlay[] = []
  const issues: Issue[] = []
  for (const [index, file] of files.entries()) {
    const name = basename(file)
    try {
      if (!statSync(file).isFile() || statSync(file).size > FILE_MAX_BYTES) {
        issues.push({ path: ['residency', 'catalogue', index], message: `${name} must be a file of at most 16 MiB` })
        continue
      }
      const bytes = readFileSync(file)
      const tree = parseTree(bytes, { code: 'ERR_CONFIG_INVALID', what: name })
      overlays.push({ name, content: plain(tree), bytes })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
      const message = isCustomhouseError(error) ? error.message : `${name} cannot be read (${code})`
      issues.push({ path: ['residency', 'catalogue', index], message })
    }
  }
  return { overlays, issues }
}

/** Null prototypes: a row may have any name. */
function plain(tree: JsonTree): Json {
  if (tree instanceof NumberLexeme) return tree.lexeme
  if (Array.isArray(tree)) return tree.map(plain)
  if (!(tree instanceof Map)) return tree
  const members: Record<string, Json> = Object.create(null)
  for (const [name, value] of tree) members[name] = plain(value)
  return members
}
