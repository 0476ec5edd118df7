import { execFileSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
/** The repository's root: not of test/house.ts, which brings the whole gateway along. */
export const ROOT = resolve(import.meta.dirname, '../..')

/** A copy of the sources as they stand, tracked or new, so that a build leaves nothing in the checkout. */
export function copySource(folder: string): void {
  execFileSync('git', ['clone', '-q', '--no-hardlinks', ROOT, folder])
  const changed = execFileSync('git', ['ls-files', '-m', '-o', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  for (const name of changed.split('\n').filter(Boolean)) {
    if (existsSync(join(ROOT, name))) execFileSync('cp', ['--parents', name, folder], { cwd: ROOT })
    else execFileSync('rm', ['-f', join(folder, name)])
  }
}

/** With the dependencies of the checkout itself, which it must not write to. */
export function lendPackages(folder: string): void {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}

/** Whether a system has what a test needs. Where CI=true it must have it. */
export function needed(has: boolean, what: string): boolean {
  if (!has && process.env.CI === 'true') throw new Error(`where CI=true this is needed: ${what}`)
  if (!has) console.log(`skipped: ${what} is not here`)
  return has
}
