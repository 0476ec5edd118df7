import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fileStore, revoke } from '../../src/identity/revocation/index.ts'
import { BIN } from '../cli/run.ts'

/** A writer of the list is killed with SIGKILL: what is there is the old list or the new one, whole, and the next writer is not held up. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-kill-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const REVOKER = join(import.meta.dirname, 'revoker.ts')

type Ended = Readonly<{ stdout: string; signal: NodeJS.Signals | null; code: number | null }>

function spawned(command: string, args: readonly string[], killAfterMs: number | null): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      if (stdout === '' && killAfterMs !== null) setTimeout(() => child.kill('SIGKILL'), killAfterMs)
      stdout += more
    })
    child.on('error', failed)
    child.on('close', (code, signal) => done({ stdout, signal, code }))
  })
}

const namesOf = async (file: string) => ((await fileStore(file).look(null))?.list.revoked ?? []).map(({ name }) => name)

test('at any moment, two writers at once: every name that was told to be revoked is on the list', async () => {
  const file = join(folder, 'random.json')
  const store = fileStore(file)
  await store.make()
  const told: string[] = []
  for (let round = 0; round < 6; round++) {
    const writers = ['a', 'b'].map((name) =>
      spawned(process.execPath, [REVOKER, file, `${name}${round}`], 1 + Math.random() * 40),
    )
    for (const { stdout } of await Promise.all(writers)) told.push(...stdout.split('\n').slice(0, -1))
    expect(new Set(await namesOf(file)).isSupersetOf(new Set(told))).toBe(true)
    const name = `key:AAAAAAA${round}`
    await store.change((list) => revoke(list, { name, until: null, why: null }, Date.now()))
    told.push(name)
    expect(readdirSync(folder).filter((one) => one.endsWith('.tmp'))).toEqual([])
  }
  expect(told.length).toBeGreaterThan(12)
})

/** Whether strace is here and may trace; with CI=true it must. */
const traces = await spawned('strace', ['-o', '/dev/null', 'true'], null).then(
  ({ code }) => code === 0,
  () => false,
)
if (!traces && process.env.CI === 'true') throw new Error('strace must be here where CI=true')
if (!traces) console.log('skipped: strace is not here, or may not trace')

describe.skipIf(!traces)('at the system call', () => {
  // With one thread for files, strace's count by thread is one of all: the first sync is that of the bytes, the second that of the folder.
  test.each([
    ['the lock', 'pwrite64', 1, 'old'],
    ['the sync of the new list', 'fsync,fdatasync', 1, 'old'],
    ['its renaming', 'rename,renameat,renameat2', 1, 'old'],
    ['the sync of the folder', 'fsync,fdatasync', 2, 'new'],
  ] as const)('%s', async (_, calls, when, wanted) => {
    const own = mkdtempSync(join(folder, 'at-'))
    const file = join(own, 'revoked.json')
    const config = join(own, 'customhouse.yaml')
    writeFileSync(
      config,
      'version: 1\ntenants: { claims: {} }\nidentity: { revocation: { store: ./revoked.json } }\nproviders: {}\nmodels: {}\n',
    )
    const store = fileStore(file)
    await store.make()
    await store.change((list) => revoke(list, { name: 'key:AAAAAAAA', until: null, why: null }, Date.now()))
    const before = readFileSync(file)
    const cli = [process.execPath, BIN, 'revoke', 'key', 'BBBBBBBB', '-c', config]
    const inject = `inject=${calls}:signal=SIGKILL:when=${when}`
    const { signal } = await spawned('strace', ['-f', '-qq', '-o', '/dev/null', '-e', inject, ...cli], null)
    expect(signal).toBe('SIGKILL')
    if (wanted === 'old') expect(readFileSync(file)).toEqual(before)
    const names = await namesOf(file)
    expect(names).toEqual(wanted === 'old' ? ['key:AAAAAAAA'] : ['key:AAAAAAAA', 'key:BBBBBBBB'])
    await store.change((list) => revoke(list, { name: 'key:CCCCCCCC', until: null, why: null }, Date.now()))
    expect(readdirSync(own).filter((one) => one.endsWith('.tmp'))).toEqual([])
  })
})
