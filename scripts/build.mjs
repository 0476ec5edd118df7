// Builds what `npm pack` ships: JavaScript and types in dist/, since Node strips no types below node_modules.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)
// What is read at run time and is no TypeScript.
for (const file of ['plugins/residency/catalogue.json', 'plugins/redaction/tagger/weights.bin']) {
  cpSync(join(root, file), join(root, 'dist', file))
}
