import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createKey, listKeys, openKeys } from '../../src/identity/index.ts'
import { newStore, prove, removeStoresAfterwards } from './kit.ts'

removeStoresAfterwards()
const WRITER = join(import.meta.dirname, 'writer.ts')

/** Runs a writer and kills it with SIGKILL `afterMs` after its first key; resolves with the keys that it was told are durable. */
function killedWriter(file: string, name: string, afterMs: number): Promise<string[]> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [WRITER, file, name], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      if (text === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
      text += more
    })
    child.on('error', failed)
    child.on('close', () => done(text.split('\n').slice(0, -1)))
  })
}

it('a writer that is killed at any moment leaves a whole store, with every key that it gave out, and no lock', async () => {
  const file = newStore()
  const given: string[] = []
  for (let round = 0; round < 6; round++) {
    const writers = ['a', 'b'].map((name) => killedWriter(file, `${name}${round}`, 1 + Math.random() * 40))
    given.push(...(await Promise.all(writers)).flat())
    // The next writer gets the lock, finds the store whole, and sweeps up.
    given.push((await createKey(file, { subject: 'after', tenant: 'claims' })).key)
  }
  const keys = await openKeys({ file })
  for (const key of given) expect(prove(keys, { 'api-key': key }).tenant).toBe('claims')
  expect((await listKeys(file)).length).toBeGreaterThanOrEqual(given.length)
  expect(given.length).toBeGreaterThan(12)
  keys.close()
})
