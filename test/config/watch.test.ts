import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { contentDigest, watchContent } from '../../src/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'customhouse-watch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function file(text: string): string {
  const path = join(folder, `f${count++}`)
  writeFileSync(path, text)
  return path
}

describe('the digest of files', () => {
  it('tells contents apart, not times, and sees files come and go', async () => {
    const path = join(folder, 'w')
    const absent = await contentDigest([path])
    writeFileSync(path, 'a')
    const first = await contentDigest([path])
    writeFileSync(path, 'a')
    expect(await contentDigest([path])).toBe(first)
    writeFileSync(path, 'b')
    expect(new Set([absent, first, await contentDigest([path])]).size).toBe(3)
  })

  it('follows a swapped symbolic link, as ConfigMaps do', async () => {
    const link = join(folder, 'link')
    symlinkSync(file('one'), link)
    const first = await contentDigest([link])
    rmSync(link)
    symlinkSync(file('two'), link)
    expect(await contentDigest([link])).not.toBe(first)
  })

  it('enters no folder, waits for no pipe, and reads a device no further than a name', async () => {
    const outer = join(folder, 'outer')
    mkdirSync(outer)
    execFileSync('mkfifo', [join(outer, 'pipe')])
    const paths = [outer, join(outer, 'pipe'), '/dev/zero', '/proc']
    const first = await contentDigest(paths)
    writeFileSync(join(outer, 'x'), 'x')
    expect(await contentDigest(paths)).toBe(first)
  })

  it('sees each byte of a file that is larger than what is read at once', async () => {
    const bytes = Buffer.alloc(200_000, 'a')
    const path = join(folder, 'large')
    const digests = new Set<string>()
    for (const at of [0, 65_535, 65_536, 65_537, 131_073, 199_999]) {
      bytes[at] = 98
      writeFileSync(path, bytes)
      digests.add(await contentDigest([path]))
    }
    expect(digests.size).toBe(6)
  })
})

/** A watch over what `digest` says, with everything that it tells. */
function watched(digest: () => Promise<string>, more: Readonly<{ lookMs?: number }> = {}) {
  const told: string[] = []
  const state = { acted: 'a', throws: false }
  const watch = watchContent({
    digest,
    acted: () => state.acted,
    everyMs: 3_600_000,
    ...more,
    changed: () => {
      told.push('changed')
      if (state.throws) throw new Error('broken')
    },
    unchanged: () => void told.push('unchanged'),
    failed: (error) => told.push(error instanceof Error ? error.message : String(error)),
  })
  return { watch, told, state }
}

describe('watching', () => {
  it.each<readonly [string, string, string]>([
    ['what is as it was', 'aaa', 'unchanged unchanged unchanged'],
    ['what two looks in a row have found', 'bb', ' changed'],
    ['what is still being written, until it stands still', 'bcdd', '   changed'],
    ['what came and went', 'abab', 'unchanged  unchanged '],
    ['what was not acted upon is told again', 'bbb', ' changed changed'],
  ])('%s', async (_, found, expected) => {
    let at = 0
    const { watch, told } = watched(async () => found[at] ?? '')
    const each: string[] = []
    for (at = 0; at < found.length; at++) {
      told.length = 0
      await watch.look()
      each.push(told.join('+'))
    }
    expect(each.join(' ')).toBe(expected)
    watch.stop()
  })

  it('compares with what was acted upon last, whoever did so', async () => {
    const { watch, told, state } = watched(async () => 'b')
    await watch.look()
    state.acted = 'b'
    await watch.look()
    expect(told).toEqual(['unchanged'])
    watch.stop()
  })

  it('reports what fails, and goes on; after its stop it tells nothing', async () => {
    let digest = async (): Promise<string> => 'b'
    const { watch, told, state } = watched(() => digest())
    state.throws = true
    await watch.look()
    await watch.look()
    digest = () => Promise.reject(new Error('no more files'))
    await watch.look()
    expect(told).toEqual(['changed', 'broken', 'no more files'])
    digest = async () => 'b'
    watch.stop()
    await watch.look()
    expect(told).toHaveLength(3)
  })

  it('a look that takes too long is reported while it goes on, and counts as none when it ends', async () => {
    const hang = Promise.withResolvers<string>()
    let looks = 0
    const { watch, told } = watched(() => (looks++ === 0 ? hang.promise : Promise.resolve('a')), { lookMs: 20 })
    const look = watch.look()
    await expect.poll(() => told).toEqual([expect.stringContaining('20 ms and counts as none')])
    // No other look is begun beside it.
    void watch.look()
    expect(looks).toBe(1)
    hang.resolve('a')
    await look
    expect(told).toHaveLength(1)
    await watch.look()
    expect(told.slice(1)).toEqual(['unchanged'])
    watch.stop()
  })

  it('looks by itself', async () => {
    const seen: string[] = []
    const path = file('a')
    const first = await contentDigest([path])
    const watch = watchContent({
      digest: () => contentDigest([path]),
      acted: () => seen.at(-1) ?? first,
      everyMs: 20,
      changed: async () => void seen.push(await contentDigest([path])),
      unchanged: () => undefined,
      failed: (error) => seen.push(String(error)),
    })
    writeFileSync(path, 'b')
    await expect.poll(() => seen, { timeout: 3000 }).toEqual([await contentDigest([path])])
    watch.stop()
  })
})
