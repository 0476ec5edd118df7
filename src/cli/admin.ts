import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a running gateway is asked whether it is ready: written by `serve`, read by `healthcheck`. */
const FILE = 'admin.json'

/** Tells, in the state folder, where the admin listener really is. Whole or not at all; a file that a killed gateway left is replaced. */
export async function publishAdmin(state: string, url: string): Promise<void> {
  const file = join(state, FILE)
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, `${JSON.stringify({ url, pid: process.pid })}\n`)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

export async function withdrawAdmin(state: string): Promise<void> {
  await rm(join(state, FILE), { force: true })
}

/** The URL that was published there, or null. */
export async function publishedAdmin(state: string): Promise<string | null> {
  try {
    const read: unknown = JSON.parse(await readFile(join(state, FILE), 'utf8'))
    return typeof read === 'object' && read !== null && 'url' in read && typeof read.url === 'string' ? read.url : null
  } catch {
    // Not there, or not ours: no gateway has said anything.
    return null
  }
}
