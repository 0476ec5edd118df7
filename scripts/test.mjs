// Everything that must hold, in one command: lint, types, the policies' own tests, and the test suite. The last line counts.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (name) => join(root, 'node_modules', '.bin', name)
const scratch = mkdtempSync(join(tmpdir(), 'customhouse-test-'))
const report = join(scratch, 'vitest.json')
let passed = 0
let failed = 0
let skipped = 0
// Any FORCE_COLOR, even 0, makes vitest colour its lines.
const { FORCE_COLOR: _, ...uncoloured } = process.env
const plain = { ...uncoloured, NO_COLOR: '1' }

function stage(title, command, args) {
  console.log(`\n== ${title}`)
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: plain,
  })
  if (status === 0) return true
  console.log(`${title}: failed (${signal ?? `exit ${status}`})`)
  return false
}

function check(title, command, args) {
  if (stage(title, command, args)) passed += 1
  else failed += 1
}

check('lint', bin('biome'), ['check', '--error-on-warnings'])
check('types', bin('tsc'), ['--noEmit', '-p', '.'])
check('policy tests', process.execPath, [
  'bin/customhouse.js',
  'policy',
  'test',
  'policies',
  '--coverage',
  '--threshold',
  '100',
])

const extra = process.argv.slice(2)
const ran = stage('tests', bin('vitest'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...extra,
])
try {
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  passed += numPassedTests
  failed += numFailedTests
  skipped += numPendingTests + numTodoTests
  if (!ran && numFailedTests === 0) failed += Math.max(1, numFailedTestSuites)
} catch (error) {
  console.log(`the test runner left no report: ${error.message}`)
  failed += 1
}
rmSync(scratch, { recursive: true, force: true })
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 ? 0 : 1)
