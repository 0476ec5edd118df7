import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../house.ts'

/** One place of the plugin's sources, altered: `from` must stand there exactly once. */
export type Mutant = readonly [without: string, file: string, from: string, to: string, killedBy: string]

const CHECKS = ['mutants-checks.ts', 'mutants-scene.ts', 'discharge-order.ts']

/** A folder with copies of the plugin, but for the tagger's weights, of which `none` is altered. */
export function original(): string {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-mutants-'))
  lay(join(folder, 'original'))
  return folder
}

function lay(root: string): void {
  mkdirSync(join(root, 'test/redaction'), { recursive: true })
  mkdirSync(join(root, 'plugins'), { recursive: true })
  for (const part of ['src', 'node_modules', 'test/kit', 'package.json'])
    symlinkSync(join(ROOT, part), join(root, part))
  for (const check of CHECKS) cpSync(join(ROOT, 'test/redaction', check), join(root, 'test/redaction', check))
  const weights = join('plugins/redaction/tagger/weights.bin')
  cpSync(join(ROOT, 'plugins/redaction'), join(root, 'plugins/redaction'), {
    recursive: true,
    filter: (path) => !path.endsWith('weights.bin'),
  })
  symlinkSync(join(ROOT, weights), join(root, weights))
}

/** The root of a copy with one place altered. */
export function altered(folder: string, name: string, [, file, from, to]: Mutant): string {
  const root = join(folder, name)
  lay(root)
  const path = join(root, 'plugins/redaction', file)
  const source = readFileSync(path, 'utf8')
  const there = source.split(from).length - 1
  if (there !== 1) throw new Error(`${file} has ${there} times: ${from}`)
  writeFileSync(
    path,
    source.replace(from, () => to),
  )
  return root
}
