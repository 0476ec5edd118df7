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

describe('watching', () => {
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

  it('sees into folders and linked folders, not hidden ones, and is not caught in a circle', async () => {
    const outer = join(folder, 'outer')
    for (const name of ['a', '.hidden', 'target']) mkdirSync(join(outer, name), { recursive: true })
    symlinkSync(join(outer, 'target'), join(outer, 'a', 'linked'))
    symlinkSync(outer, join(outer, 'a', 'circle'))
    symlinkSync(outer, join(outer, 'a', 'circle2'))
    const digests = [await contentDigest([outer])]
    for (const name of ['a/x', 'target/y', '.hidden/z']) {
      writeFileSync(join(outer, name), name)
      digests.push(await contentDigest([outer]))
    }
    expect(new Set(digests).size).toBe(3)
    expect(digests[3]).toBe(digests[2])
  })

  it('counts from the time of the call when it is told no digest', async () => {
    const path = file('a')
    const seen: string[] = []
    const watch = watchContent({
      paths: () => [path],
      everyMs: 20,
      changed: (digest) => void seen.push(digest),
      failed: (error) => seen.push(String(error)),
    })
    await watch.look()
    writeFileSync(path, 'b')
    await expect.poll(() => seen, { timeout: 3000 }).toEqual([await contentDigest([path])])
    watch.stop()
  })

  it('calls once for each change, and reports what its caller throws', async () => {
    const path = file('a')
    const [seen, failures]: [string[], unknown[]] = [[], []]
    const watch = watchContent({
      paths: () => [path],
      everyMs: 60_000,
      from: await contentDigest([path]),
      changed: (digest) => {
        seen.push(digest)
        if (seen.length === 2) throw new Error('broken')
      },
      failed: (error) => failures.push(error),
    })
    await watch.look()
    expect(seen).toHaveLength(0)
    for (const text of ['b', 'c', 'c']) {
      writeFileSync(path, text)
      await watch.look()
    }
    watch.stop()
    writeFileSync(path, 'd')
    await watch.look()
    expect(seen).toHaveLength(2)
    expect(failures).toHaveLength(1)
  })
})
