import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The shipped Dockerfile, built by Debian's buildah without a daemon. Registries of images cannot be reached in CI, so both of its bases are made
 * here from this machine: Node and the libraries that it is linked with; for the builder also npm, tar and a shell.
 */
export type Image = Readonly<{ id: string; name: string; storage: string }>

const GATEWAY = { '/usr/local/bin/node': process.execPath }

export function hasBuildah(): boolean {
  return process.getuid?.() === 0 && spawnSync('buildah', ['--version']).status === 0
}

/** Runs buildah on storage of its own below `storage`. Throws with what it said. */
export function buildah(storage: string, args: readonly string[]): string {
  const own = ['--storage-driver', 'vfs', '--root', join(storage, 'root'), '--runroot', join(storage, 'run')]
  return execFileSync('buildah', [...own, ...args], {
    encoding: 'utf8',
    env: { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: storage },
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

/** Builds it from `context`, a copy of the sources, on storage in `folder`. */
export function buildImage(folder: string, context: string): Image {
  const storage = join(folder, 'storage')
  mkdirSync(storage)
  base(storage, join(folder, 'base'), 'customhouse-base', GATEWAY)
  const shell = ['sh', 'env', 'tar', 'gzip'].map((name) => [`/usr/bin/${name}`, which(name)])
  const certificates = process.env.NODE_EXTRA_CA_CERTS
  const trust = certificates === undefined ? '' : `NODE_EXTRA_CA_CERTS=${certificates}`
  const addNpm = (root: string): void => {
    cpSync(join(dirname(realpathSync(which('npm'))), '..'), join(root, 'usr/lib/npm'), { recursive: true })
    writeFileSync(join(root, 'usr/local/bin/npm'), '#!/usr/local/bin/node\nrequire("/usr/lib/npm/bin/npm-cli.js")\n', {
      mode: 0o755,
    })
  }
  const programs = { ...GATEWAY, ...Object.fromEntries(shell) }
  base(storage, join(folder, 'builder'), 'customhouse-builder', programs, addNpm, trust)
  const cache = lendCache(join(folder, 'npm-cache'))
  const name = 'localhost/customhouse:test'
  const args = ['BASE=localhost/customhouse-base', 'BUILDER=localhost/customhouse-builder', 'VERSION=9.9.9-test']
  buildah(storage, [
    'bud',
    '--format=docker',
    '--pull-never',
    ...args.flatMap((arg) => ['--build-arg', arg]),
    // Not of the image: a copy of npm's cache and the certificates of this machine's way to the registry, lent to the builder.
    '--volume',
    `${cache}:/root/.npm:rw`,
    ...(certificates === undefined ? [] : ['--volume', `${certificates}:${certificates}:ro`]),
    '-t',
    name,
    context,
  ])
  return { id: buildah(storage, ['inspect', '--type=image', '--format={{.FromImageID}}', name]), name, storage }
}

/** What npm has fetched on this machine, if anything. npm appends to files of the index and replaces all others: those alone are shared. */
function lendCache(folder: string): string {
  const own = join(execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(), '_cacache')
  const lent = join(folder, '_cacache')
  mkdirSync(lent, { recursive: true })
  for (const part of ['index-v5', 'content-v2']) {
    if (!existsSync(join(own, part))) continue
    const linked = part === 'content-v2' && spawnSync('cp', ['-rl', join(own, part), lent]).status === 0
    if (!linked) cpSync(join(own, part), join(lent, part), { recursive: true })
  }
  return folder
}

export function which(name: string): string {
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
}

/** A root of programs of this machine with the libraries that `ldd` names, at the paths that they are wanted at. */
export function furnish(root: string, programs: Readonly<Record<string, string>>): void {
  for (const folder of ['usr/bin', 'usr/local/bin', 'tmp', 'etc', 'proc', 'dev', 'root'])
    mkdirSync(join(root, folder), { recursive: true })
  execFileSync('chmod', ['1777', join(root, 'tmp')])
  execFileSync('ln', ['-s', 'usr/bin', join(root, 'bin')])
  for (const [path, program] of Object.entries(programs)) {
    cpSync(realpathSync(program), join(root, path))
    const linked = execFileSync('ldd', [realpathSync(program)], { encoding: 'utf8' })
    for (const [library] of linked.matchAll(/\/\S+(?= \()/g)) {
      if (existsSync(join(root, library))) continue
      mkdirSync(join(root, dirname(library)), { recursive: true })
      cpSync(realpathSync(library), join(root, library))
    }
  }
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/usr/sbin/nologin\n')
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n')
}

function base(
  storage: string,
  root: string,
  name: string,
  programs: Readonly<Record<string, string>>,
  more: (root: string) => void = () => undefined,
  environment = '',
): void {
  furnish(root, programs)
  more(root)
  writeFileSync(
    join(root, 'Containerfile'),
    `FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin HOME=/root ${environment}\nCMD ["/usr/local/bin/node"]\n`,
  )
  buildah(storage, ['bud', '--format=docker', '-f', join(root, 'Containerfile'), '-t', `localhost/${name}`, root])
}
