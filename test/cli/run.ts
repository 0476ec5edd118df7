import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll } from 'vitest'

export const BIN = resolve(import.meta.dirname, '../../bin/customhouse.js')

export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>
export type RunOptions = Readonly<{ cwd?: string; env?: Readonly<Record<string, string>>; node?: readonly string[] }>

/** Runs the command line as a process of its own, with nothing of CUSTOMHOUSE_ or OPENAI_ in its environment but what is given. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(CUSTOMHOUSE|OPENAI|NODE_OPTIONS|VITEST)/.test(name),
  )
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [...(options.node ?? []), BIN, ...args], {
      cwd: options.cwd ?? tmpdir(),
      env: { ...Object.fromEntries(inherited), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const out = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      out.stderr += text
    })
    child.on('error', failed)
    child.on('close', (code) => done({ code, ...out }))
  })
}

/** A folder that is removed when the test file has ended. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
