// Puts what is shipped, with the packages that it runs on, into an empty folder: for the image and the air-gap bundle.
//
//   node scripts/product.mjs <folder> [--with-node]   --with-node: also the Node that npm has for this platform
//
// The packages are those of package-lock.json, checked against its hashes; none may run a script. Needs the npm registry, or npm's cache.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { 2: name, 3: option } = process.argv
if (name === undefined || (option !== undefined && option !== '--with-node')) {
  console.error('usage: node scripts/product.mjs <folder> [--with-node]')
  process.exit(3)
}
const folder = resolve(name)
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(`product: ${command} ${args[0]} failed (${error?.message ?? `exit ${status}`})`)
  process.exit(1)
}

if (!existsSync(join(root, 'node_modules/typescript'))) run('npm', ['ci', ...quiet], root)
run(process.execPath, ['scripts/build.mjs'], root)
const scratch = mkdtempSync(join(tmpdir(), 'customhouse-product-'))
try {
  run('npm', ['pack', ...quiet, '--pack-destination', scratch], root)
  const tarball = readdirSync(scratch).find((file) => file.endsWith('.tgz')) ?? ''
  mkdirSync(folder, { recursive: true })
  run('tar', ['-xzf', join(scratch, tarball), '--strip-components=1', '--no-same-owner', '-C', folder], root)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
cpSync(join(root, 'package-lock.json'), join(folder, 'package-lock.json'))
run('npm', ['ci', '--omit=dev', ...(option === undefined ? ['--omit=optional'] : []), ...quiet], folder)
run(process.execPath, ['scripts/sbom.mjs', folder], root)
