import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './root.ts'

/** Whether this is a checkout of the sources, and not the installed package. */
export function isCheckout(): boolean {
  return import.meta.url.endsWith('.ts')
}

/** Processes that run from this checkout, a file each, named by its pid. `scripts/setup.mjs` looks there before it replaces their dependencies. */
const RUNNING = join('node_modules', '.customhouse-running')

/** Says that this process lives on the checkout's dependencies, until it ends. The installed package says nothing. */
export function occupy(): void {
  if (!isCheckout()) return
  const folder = join(packageRoot(), RUNNING)
  const file = join(folder, String(process.pid))
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, '')
  } catch (error) {
    // A checkout that cannot be written to cannot be set up anew either.
    if (error instanceof Error && 'code' in error) return
    throw error
  }
  process.on('exit', () => rmSync(file, { force: true }))
}
