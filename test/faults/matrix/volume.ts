import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A small file system in a mount namespace of its own: it is gone when its keeper is, whatever becomes of the test. */
export type Volume = Readonly<{
  /** Put before a command, it runs where the volume is. */
  enter: readonly string[]
  /** The mount point as this process reaches it. */
  at: string
  /** Bytes that are free. */
  free(): number
  /** A file that takes all bytes but so many; to the last one there is, where none are to be left. */
  fill(leave: number): void
  /** Files that take all inodes. */
  crowd(): void
  /** Takes away what `fill` or `crowd` made. */
  empty(): void
  close(): Promise<void>
}>

const isRoot = process.getuid?.() === 0
const UNSHARE = isRoot ? ['-m'] : ['-rm']

/** Whether a volume can be mounted here; with CI=true it must. */
export function canMount(): boolean {
  const works = spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0
  if (!works && process.env.CI === 'true') throw new Error('a tmpfs must be mountable where CI=true')
  if (!works) console.log('skipped: no tmpfs can be mounted here, so that no volume is filled')
  return works
}

/** Whether a file can be mounted as a disk of its own, which needs root itself; with CI=true it must. */
export function canLoop(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-loop-'))
  const image = makeImage(folder, '8M')
  const works =
    isRoot && image !== null && spawnSync('unshare', ['-m', 'mount', '-o', 'loop', image, folder]).status === 0
  rmSync(folder, { recursive: true })
  if (!works && process.env.CI === 'true') throw new Error('a file must be mountable as a disk where CI=true')
  if (!works)
    console.log('skipped: no file can be mounted as a disk here (root, ext4, loop), so that none is made read-only')
  return works
}

function makeImage(folder: string, size: string): string | null {
  const image = join(folder, 'disk.img')
  execFileSync('truncate', ['-s', size, image])
  return spawnSync('mkfs.ext4', ['-q', '-F', image]).status === 0 ? image : null
}

/** A tmpfs at a folder that is there. */
export const mountTmpfs = (folder: string, options: string): Promise<Volume> =>
  mounted(folder, `mount -t tmpfs -o ${options} tmpfs "$0"`)

/** A disk of ext4 in a file beside the folder. */
export function mountDisk(folder: string, beside: string, size: string): Promise<Volume> {
  const image = makeImage(beside, size)
  if (image === null) throw new Error('no file system could be made')
  return mounted(folder, `mount -o loop "${image}" "$0"`)
}

async function mounted(folder: string, mount: string): Promise<Volume> {
  mkdirSync(folder, { recursive: true })
  const script = `${mount} || exit 1\necho mounted\nexec sleep 600`
  const keeper = spawn('unshare', [...UNSHARE, 'bash', '-c', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    keeper.stdout.once('data', () => resolve())
    keeper.once('exit', (code) => reject(new Error(`nothing was mounted: ${code}`)))
  })
  return volumeOf(keeper, folder)
}

function volumeOf(keeper: ChildProcess, folder: string): Volume {
  const at = `/proc/${keeper.pid}/root${folder}`
  const ballast = join(at, 'ballast')
  const free = (): number => {
    const { bavail, bsize } = statfsSync(at)
    return bavail * bsize
  }
  return {
    enter: ['nsenter', '-t', String(keeper.pid), '-m', ...(isRoot ? [] : ['-U', '--preserve-credentials']), '--'],
    at,
    free,
    fill: (leave) => {
      const fd = openSync(ballast, 'w')
      try {
        if (leave === 0) untilFull(() => void writeSync(fd, Buffer.alloc(1 << 16)))
        else for (const chunk = Buffer.alloc(1 << 16); free() > leave + chunk.length; ) writeSync(fd, chunk)
      } finally {
        closeSync(fd)
      }
    },
    crowd: () => {
      mkdirSync(ballast)
      let count = 0
      untilFull(() => writeFileSync(join(ballast, String(count++)), ''))
    },
    empty: () => rmSync(ballast, { recursive: true, force: true }),
    close: async () => {
      const gone = new Promise((resolve) => keeper.once('exit', resolve))
      keeper.kill('SIGKILL')
      await gone
    },
  }
}

function untilFull(write: () => void): void {
  for (;;) {
    try {
      write()
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return
      throw error
    }
  }
}
