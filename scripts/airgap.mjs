// The air-gap bundle: one archive that runs where there is no registry, and nothing but Linux of the same architecture. The same bytes each time.
//
//   node scripts/airgap.mjs [folder]   writes customhouse-<version>-linux-<arch>.tar.gz and its .sha256 there; default: .
//
// In it: the package with policies and docs, the packages that it runs on, Node, the SBOM in two formats, the licences, SHA256SUMS, and a launcher.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const out = resolve(process.argv[2] ?? '.')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const name = `customhouse-${version}`
const node = `node_modules/node-linux-${process.arch}/bin/node`

if (process.platform !== 'linux') {
  console.error('airgap: the bundle is made on Linux, of the architecture that it is for')
  process.exit(1)
}

const scratch = mkdtempSync(join(tmpdir(), 'customhouse-airgap-'))
try {
  const folder = join(scratch, name)
  const made = spawnSync(process.execPath, ['scripts/product.mjs', folder, '--with-node'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (made.status !== 0) process.exit(1)
  if (!existsSync(join(folder, node))) {
    console.error(`airgap: npm has no Node for linux-${process.arch}`)
    process.exit(1)
  }
  // npm's own account of what it installed repeats the lock file, and names no moment, but is not needed.
  rmSync(join(folder, 'node_modules/.package-lock.json'), { force: true })
  writeFileSync(join(folder, 'customhouse'), launcher(), { mode: 0o755 })
  writeFileSync(join(folder, 'SHA256SUMS'), sums(folder))
  mkdirSync(out, { recursive: true })
  const archive = join(out, `${name}-linux-${process.arch}.tar.gz`)
  await pack(archive)
  writeFileSync(`${archive}.sha256`, `${await digest(archive)}  ${basename(archive)}\n`)
  console.log(archive)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function launcher() {
  return `#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec "$here/${node}" "$here/bin/customhouse.js" "$@"\n`
}

/** As sha256sum writes and checks them. */
function sums(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => lstatSync(join(folder, file)).isFile())
    .sort()
    .map(
      (file) =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, file)))
          .digest('hex')}  ${file}\n`,
    )
    .join('')
}

/** Order, owner, times and modes are those of the bundle, and not of whoever made it. */
async function pack(archive) {
  const fixed = ['--sort=name', '--format=ustar', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX']
  const when = `--mtime=@${process.env.SOURCE_DATE_EPOCH ?? 0}`
  const tar = spawn('tar', [...fixed, when, '-C', scratch, '-cf', '-', name], {
    stdio: ['ignore', 'pipe', 2],
    env: { ...process.env, LC_ALL: 'C' },
  })
  const ended = new Promise((done) => tar.once('close', done))
  await pipeline(tar.stdout, createGzip({ level: 6 }), createWriteStream(archive))
  const code = await ended
  if (code !== 0) throw new Error(`tar ended with ${code}: GNU tar is needed`)
}

async function digest(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
