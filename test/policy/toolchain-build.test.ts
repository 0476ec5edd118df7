import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const from = join(import.meta.dirname, '../..')
const root = mkdtempSync(join(tmpdir(), 'customhouse-build-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Before 1.21 Go does not fetch the version that go.mod names: Debian's may be older. */
const hasGo = Number(/go1\.(\d+)/.exec(spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 0) >= 21
const MINUTES = 60_000

/** A copy of what the script needs, in another place: a reproducible build does not know where it stands. */
function copy(name: string): string {
  const to = join(root, name)
  for (const path of ['toolchain', 'scripts/build-toolchain.mjs', 'src/policy/toolchain/wasi.ts']) {
    cpSync(join(from, path), join(to, path), { recursive: true })
  }
  writeFileSync(join(to, 'package.json'), '{"type":"module"}')
  return to
}

function check(at: string, env: NodeJS.ProcessEnv = process.env): { code: number | null; text: string } {
  const run = spawnSync(process.execPath, [join(at, 'scripts/build-toolchain.mjs'), '--check'], {
    encoding: 'utf8',
    env,
  })
  return { code: run.status, text: run.stdout + run.stderr }
}

/** An environment in which there is no Go. */
function withoutGo(): NodeJS.ProcessEnv {
  mkdirSync(join(root, 'empty'), { recursive: true })
  return { ...process.env, PATH: join(root, 'empty') }
}

describe('scripts/build-toolchain.mjs --check', () => {
  test.skipIf(!hasGo)('builds the very same wasm in another folder', { timeout: 10 * MINUTES }, () => {
    const run = check(copy('same'))
    expect(run.text).toContain('the artefact is what its sources build')
    expect(run.code).toBe(0)
  })

  test.skipIf(!hasGo)('sees a source that was changed', { timeout: 10 * MINUTES }, () => {
    const at = copy('changed')
    appendFileSync(join(at, 'toolchain/builtins.txt'), '# one more line\n')
    const run = check(at)
    expect(run.code).toBe(2)
    expect(run.text).toMatch(/SHA-256 of builtins\.txt is/)
    expect(run.text).toMatch(/SHA-256 of a fresh build by go\S+ is/)
  })

  test('without Go, says that it skipped the rebuild, and still compares the hashes', () => {
    const at = copy('no-go')
    const run = check(at, withoutGo())
    expect(run.text).toMatch(/skipped the rebuild: no go on the PATH/)
    expect(run.code).toBe(0)
    appendFileSync(join(at, 'toolchain/dist/rego.wasm.br'), 'x')
    const damaged = check(at, withoutGo())
    expect(damaged.code).not.toBe(0)
  })

  test('without Go, sees a source that was changed and capabilities that are not those of the artefact', () => {
    const at = copy('no-go-changed')
    appendFileSync(join(at, 'toolchain/check.go'), '\n')
    writeFileSync(join(at, 'toolchain/capabilities.json'), '{}')
    const run = check(at, withoutGo())
    expect(run.code).toBe(2)
    expect(run.text).toMatch(/SHA-256 of check\.go is/)
    expect(run.text).toMatch(/capabilities\.json is not what the artefact answers/)
  })
})
