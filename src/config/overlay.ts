import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
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
      const bytes = bytesOf(file)
      if (bytes === null) {
        issues.push({ path: ['residency', 'catalogue', index], message: `${name} must be a file of at most 16 MiB` })
        continue
      }
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

/** What was asked and what is read are one file, whatever its name leads to meanwhile, and nobody waits for the other end of a pipe. Null where it is no file, or too large. */
function bytesOf(file: string): Uint8Array | null {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const status = fstatSync(fd)
    if (!status.isFile() || status.size > FILE_MAX_BYTES) return null
    const bytes = Buffer.alloc(status.size + 1)
    let length = 0
    for (let more = 1; more > 0 && length < bytes.length; length += more)
      more = readSync(fd, bytes, length, bytes.length - length, null)
    // One that grows under the reading is read anew with its next change.
    return bytes.subarray(0, Math.min(length, status.size))
  } finally {
    closeSync(fd)
  }
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
