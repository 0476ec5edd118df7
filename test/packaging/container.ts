import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * What an engine of containers does with an image, by the kernel's own means: namespaces of processes and mounts, a root that is read-only with tmpfs
 * and volumes upon it, a user who can gain nothing. All of them share one network, which is a loopback interface and no way out.
 */

export type Mount = Readonly<{ from: string; to: string; readOnly: boolean }>
export type Spec = Readonly<{
  rootfs: string
  /** `uid:gid`. */
  user: string
  command: readonly string[]
  env: Readonly<Record<string, string>>
  mounts: readonly Mount[]
  tmpfs: readonly Readonly<{ to: string; options: string }>[]
}>

export type Done = Readonly<{ code: number | null; stdout: string; stderr: string }>
export type Container = Readonly<{
  /** As the machine counts; in the container it is 1. Waits until the image's own program runs. */
  pid(): Promise<number>
  /** All that it has said so far, on both streams. */
  said(): string
  exited: Promise<number | null>
  /** In it, as its user, with its environment. */
  exec(command: readonly string[]): Done
  stop(signal: NodeJS.Signals): Promise<number | null>
}>

/** The programs that make one are found here, and those of the image too: this stands in place of the image's own. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function canContain(): boolean {
  const tried = spawnSync('unshare', ['-n', '-m', '-p', '-f', 'sh', '-c', 'ip link set lo up && setpriv --version'])
  return process.getuid?.() === 0 && tried.status === 0
}

export type Network = Readonly<{ pid: number; close(): void }>

/** A network of its own, for as long as this process lives. */
export async function openNetwork(): Promise<Network> {
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up && echo up && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise<void>((done, fail) => {
    holder.stdout.once('data', () => done())
    holder.once('exit', (code) => fail(new Error(`no network: exit ${code}`)))
  })
  return { pid: holder.pid ?? 0, close: () => void holder.stdin.end() }
}

/** A program of this machine in that network. */
export const inNetwork = (network: Network, command: readonly string[]): readonly string[] => [
  'nsenter',
  `--net=/proc/${network.pid}/ns/net`,
  ...command,
]

export function start(network: Network, spec: Spec): Container {
  prepare(spec)
  const env = { ...spec.env, PATH }
  const [command = '', ...args] = inNetwork(network, [
    ...['unshare', '-m', '-p', '-f', '--kill-child', 'sh', '-ec', scriptOf(spec), 'sh', ...spec.command],
  ])
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let heard = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.toString()
    })
  const exited = new Promise<number | null>((done) => child.once('close', (code) => done(code)))
  const inner = (): number => {
    const children = `/proc/${child.pid}/task/${child.pid}/children`
    const one = Number(existsSync(children) ? readFileSync(children, 'utf8').trim() : 0)
    // The set-up runs as root and the image's own program does not.
    const status = one > 0 && existsSync(`/proc/${one}/status`) ? readFileSync(`/proc/${one}/status`, 'utf8') : ''
    return /^Uid:\t[1-9]/m.test(status) ? one : 0
  }
  const pid = async (): Promise<number> => {
    for (;;) {
      const one = inner()
      if (one > 0) return one
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${heard}`)
      await new Promise((done) => setTimeout(done, 20))
    }
  }
  const [uid = '', gid = ''] = spec.user.split(':')
  return {
    pid,
    said: () => heard,
    exited,
    exec: (asked) => {
      const into = ['--mount', '--net', '--pid', '--root', `--setuid=${uid}`, `--setgid=${gid}`]
      const done = spawnSync('nsenter', [`--target=${inner()}`, ...into, '--', ...asked], { env, encoding: 'utf8' })
      return { code: done.status, stdout: done.stdout, stderr: done.stderr }
    },
    stop: async (signal) => {
      const one = inner()
      if (one > 0) process.kill(one, signal)
      return exited
    },
  }
}

/** Places to mount upon, as an engine makes them; a volume that is new belongs to whom the image's own folder belongs to. */
function prepare({ rootfs, mounts, tmpfs }: Spec): void {
  for (const { from, to } of mounts) {
    const at = join(rootfs, to)
    if (!existsSync(from)) {
      mkdirSync(from, { recursive: true })
      const { uid, gid } = statSync(at)
      chownSync(from, uid, gid)
    }
    if (existsSync(at)) continue
    mkdirSync(statSync(from).isDirectory() ? at : dirname(at), { recursive: true })
    if (!existsSync(at)) writeFileSync(at, '')
  }
  for (const { to } of tmpfs) mkdirSync(join(rootfs, to), { recursive: true })
  for (const folder of ['proc', 'dev']) mkdirSync(join(rootfs, folder), { recursive: true })
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function scriptOf({ rootfs, user, mounts, tmpfs }: Spec): string {
  const at = (to: string): string => quoted(join(rootfs, to))
  return [
    `mount --bind ${quoted(rootfs)} ${quoted(rootfs)}`,
    `mount -o remount,bind,ro ${quoted(rootfs)}`,
    `mount -t proc proc ${at('proc')}`,
    `mount -t tmpfs -o mode=755 tmpfs ${at('dev')}`,
    ...['null', 'zero', 'urandom'].map(
      (name) => `: > ${at(`dev/${name}`)}; mount --bind /dev/${name} ${at(`dev/${name}`)}`,
    ),
    ...tmpfs.map(({ to, options }) => `mount -t tmpfs -o ${quoted(options)} tmpfs ${at(to)}`),
    ...mounts.map(({ from, to }) => `mount --bind ${quoted(from)} ${at(to)}`),
    ...mounts.filter(({ readOnly }) => readOnly).map(({ to }) => `mount -o remount,bind,ro ${at(to)}`),
    // chroot needs these three, and gives them up with its user.
    `exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid chroot --userspec=${user} --groups= ${quoted(rootfs)} "$@"`,
  ].join('\n')
}
