import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Frontier, leafHash } from '../../src/audit/index.ts'
import { commitLine, headerLine, readLine, SEGMENT_VERSION } from '../../src/audit/segment.ts'
import { newestSegment, type Place, placeIn } from './kit.ts'

/** A copy of a ledger that may be spoilt. */
export function copyOf(place: Place): Place {
  const root = mkdtempSync(join(tmpdir(), 'customhouse-forged-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const copy = placeIn(root)
  cpSync(place.state, copy.state, { recursive: true })
  cpSync(place.keys, copy.keys, { recursive: true })
  return copy
}

export function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

export function writeLines(path: string, lines: readonly string[]): void {
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
}

/** Edits the lines of the newest segment. */
export function editLines(place: Place, edit: (lines: string[]) => string[]): void {
  const path = newestSegment(place)
  writeLines(path, edit(linesOf(path)))
}

/** Index of the line of a record. */
export function lineOf(lines: readonly string[], seq: number): number {
  return lines.findIndex((line) => line.startsWith('{"l":') && line.includes(`"seq":${seq},`))
}

/** Replaces a leaf's text and its hash, as someone would who knows the format. */
export function rewriteLeaf(line: string, edit: (leaf: string) => string): string {
  const read = readLine(line)
  if (read.type !== 'record') throw new Error('The line is no record.')
  const leaf = edit(read.entry.text)
  return line.replace(read.entry.text, () => leaf).replace(read.entry.hash, leafHash(leaf))
}

/** Makes every commit line of a log of one segment agree with its records again: all that can be done without the signing key. */
export function recommit(lines: readonly string[]): string[] {
  const frontier = new Frontier()
  let from = 0
  return lines.map((line) => {
    if (line.startsWith('{"l":')) frontier.append(line.slice(6, 49))
    if (!line.startsWith('{"c":')) return line
    const commit = commitLine({ from, root: frontier.root(), size: frontier.size }).trim()
    from = frontier.size
    return commit
  })
}

/** A header line with some members changed. */
export function editHeader(
  line: string,
  change: { epoch?: number; first?: number; log?: string; root?: string },
): string {
  const read = readLine(line)
  if (read.type !== 'header') throw new Error('The line is no header.')
  return headerLine({ ...read.header, ...change, v: SEGMENT_VERSION }).trim()
}
