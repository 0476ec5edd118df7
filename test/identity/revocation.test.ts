import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  fileStore,
  lift,
  openRevocations,
  type RevocationEvent,
  type RevocationStore,
  redisStore,
  revoke,
} from '../../src/identity/revocation/index.ts'
import { listText, parseList } from '../../src/identity/revocation/list.ts'
import { hasRedis, redisServer } from './redis.ts'

/** One list, two places for it: what holds for one holds for the other. */
type Bench = Readonly<{
  store: RevocationStore
  /** A second hand on the same list. */
  again(): RevocationStore
  lose(): void
  damage(): void
  /** Keeps the list as it is now; what it gives puts that back. */
  keep(): () => void
  remove(): Promise<void>
}>

const cleaning: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const clean of cleaning) await clean()
})

async function inFile(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-'))
  const file = join(folder, 'revoked.json')
  const remove = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
  cleaning.push(remove)
  return {
    store: fileStore(file),
    again: () => fileStore(file),
    lose: () => rmSync(file, { force: true }),
    damage: () => writeFileSync(file, '{"version":1,"generation":9,"revo'),
    keep: () => {
      copyFileSync(file, `${file}.kept`)
      return () => copyFileSync(`${file}.kept`, file)
    },
    remove,
  }
}

async function inRedis(): Promise<Bench> {
  const server = await redisServer()
  cleaning.push(server.remove)
  const make = (): RevocationStore => redisStore({ url: server.url, user: null, password: server.password })
  return {
    store: make(),
    again: make,
    lose: () => void server.command('FLUSHALL'),
    damage: () => void server.command('HSET', 'customhouse:revocations', 'list', '{}', 'digest', 'x'),
    keep: () => {
      server.command('COPY', 'customhouse:revocations', 'kept', 'REPLACE')
      return () => void server.command('COPY', 'kept', 'customhouse:revocations', 'REPLACE')
    },
    remove: server.remove,
  }
}

const KEY = 'key:AAAAAAAA'
const TOKEN = 'token:https://idp.bank.example 7d1f'
const on = (store: RevocationStore, name: string, until: number | null = null) =>
  store.change((list) => revoke(list, { name, until, why: null }, Date.now()))
type Step = (store: RevocationStore, name: string) => Promise<unknown>
const off = (store: RevocationStore, name: string) => store.change((list) => lift(list, name, Date.now()))

const places: readonly [string, boolean, () => Promise<Bench>][] = [
  ['a file', true, inFile],
  ['Redis', hasRedis(), inRedis],
]
for (const [place, here, make] of places) {
  describe.skipIf(!here)(`a list of what is revoked in ${place}`, () => {
    const watch = async (store: RevocationStore, staleAfterMs = 600) => {
      const events: RevocationEvent[] = []
      const revocations = await openRevocations({
        store,
        everyMs: 50,
        staleAfterMs,
        report: (one) => void events.push(one),
      })
      cleaning.push(() => revocations.close())
      return { revocations, events }
    }

    test('is made once, changed, and lifted; each look tells of what is new alone', async () => {
      const { store, again } = await make()
      await expect(store.look(null)).rejects.toMatchObject({ code: 'ERR_KEYS_STORE' })
      await expect(on(store, KEY)).rejects.toMatchObject({ code: 'ERR_KEYS_STORE' })
      await store.make()
      await expect(again().make()).rejects.toMatchObject({ code: 'ERR_CLI_USAGE' })
      const { version } = (await store.look(null)) ?? { version: '' }
      expect(await store.look(version)).toBeNull()
      await on(again(), KEY)
      expect((await store.look(version))?.list).toMatchObject({ generation: 1, revoked: [{ name: KEY }], lifted: [] })
      expect((await on(store, KEY)).generation).toBe(1)
      expect(await off(store, KEY)).toMatchObject({ generation: 2, revoked: [], lifted: [{ name: KEY }] })
      await store.close()
    })

    test('takes the changes of many writers at once', async () => {
      const { store, again } = await make()
      await store.make()
      const names = Array.from({ length: 8 }, (_, i) => `key:AAAAAAA${i}`)
      await Promise.all(names.map((name) => on(again(), name)))
      const list = (await store.look(null))?.list
      expect(list?.revoked.map(({ name }) => name).sort()).toEqual(names)
      expect(list?.generation).toBe(8)
    })

    test('is in force at all that watch it, until it is lifted or over', async () => {
      const { store, again } = await make()
      await store.make()
      await on(store, TOKEN, Date.now() + 1_500)
      const [one, two] = [await watch(again()), await watch(again())]
      expect(one.revocations.stands([TOKEN])).toBe(false)
      expect(one.events).toMatchObject([{ kind: 'revoked', first: true, names: [{ name: TOKEN }] }])
      await on(store, KEY)
      for (const { revocations } of [one, two])
        await expect.poll(() => revocations.stands(['key:BBBBBBBB', KEY])).toBe(false)
      expect(one.events).toHaveLength(2)
      expect(one.revocations.stands(['key:BBBBBBBB'])).toBe(true)
      await off(store, KEY)
      await expect.poll(() => two.revocations.stands([KEY])).toBe(true)
      await expect.poll(() => two.revocations.stands([TOKEN]), { timeout: 4_000 }).toBe(true)
      expect(two.revocations.fresh()).toBe(true)
    })

    test.each([
      ['was emptied', (bench: Bench) => bench.lose()],
      ['is damaged', (bench: Bench) => bench.damage()],
    ])(
      'that %s: what was revoked stays so, nobody can tell after a while, and it recovers by itself',
      async (_, harm) => {
        const bench = await make()
        await bench.store.make()
        await on(bench.store, KEY)
        const { revocations, events } = await watch(bench.again())
        harm(bench)
        await expect.poll(() => revocations.fresh()).toBe(false)
        expect(revocations.stands([KEY])).toBe(false)
        expect(events.at(-1)).toMatchObject({ kind: 'lost', error: { code: 'ERR_KEYS_STORE' } })
        bench.lose()
        await bench.store.make()
        // An empty list is not what it was either.
        await expect.poll(() => events.at(-1)).toMatchObject({ error: { detail: { missing: 1 } } })
        expect(revocations.fresh()).toBe(false)
        expect(revocations.stands([KEY])).toBe(false)
        await on(bench.store, KEY)
        await expect.poll(() => revocations.fresh()).toBe(true)
        expect(revocations.stands([KEY])).toBe(false)
        expect(events.at(-1)).toMatchObject({ kind: 'found' })
      },
    )

    test.each([
      ['has a name lifted that was revoked anew', [on, off], [on]],
      ['has a name revoked for less', [(store: RevocationStore) => on(store, KEY, Date.now() + 1_500)], [on]],
      ['is older by several changes', [on, off], [on, off, on]],
    ] satisfies [string, Step[], Step[]][])(
      'an older one is put back that %s: it is not taken, and the name stays revoked until it is lifted anew',
      async (_, before, after) => {
        const bench = await make()
        await bench.store.make()
        for (const step of before) await step(bench.store, KEY)
        const putBack = bench.keep()
        for (const step of after) await step(bench.store, KEY)
        const { revocations, events } = await watch(bench.again())
        expect(revocations.stands([KEY])).toBe(false)
        putBack()
        await expect
          .poll(() => events.at(-1), { timeout: 5_000 })
          .toMatchObject({ kind: 'lost', error: { code: 'ERR_KEYS_STORE', detail: { missing: 1 } } })
        await expect.poll(() => revocations.fresh(), { timeout: 5_000 }).toBe(false)
        expect(revocations.stands([KEY])).toBe(false)
        await off(bench.store, KEY)
        await expect.poll(() => revocations.stands([KEY]), { timeout: 5_000 }).toBe(true)
        expect(revocations.fresh()).toBe(true)
      },
    )

    test('that is not there yet: nobody can tell, until it is made', async () => {
      const { store, again } = await make()
      const { revocations } = await watch(again())
      expect(revocations.fresh()).toBe(false)
      await store.make()
      await expect.poll(() => revocations.fresh()).toBe(true)
    })
  })
}

describe.skipIf(!hasRedis())('Redis itself', () => {
  test('is killed, or hangs: nobody can tell after a while; when it is back everybody can', async () => {
    const server = await redisServer()
    cleaning.push(server.remove)
    const store = redisStore({ url: server.url, user: 'default', password: server.password })
    await store.make()
    await on(store, KEY)
    const revocations = await openRevocations({ store, everyMs: 50, staleAfterMs: 500 })
    cleaning.push(() => revocations.close())
    await server.kill()
    await expect.poll(() => revocations.fresh()).toBe(false)
    expect(revocations.stands([KEY])).toBe(false)
    await server.start()
    await expect.poll(() => revocations.fresh(), { timeout: 5_000 }).toBe(true)
    server.hang()
    await expect.poll(() => revocations.fresh(), { timeout: 5_000 }).toBe(false)
    server.goOn()
    await expect.poll(() => revocations.fresh(), { timeout: 5_000 }).toBe(true)
    expect(revocations.stands([KEY])).toBe(false)
  })

  test('wants another password: it says so, and not which was given', async () => {
    const server = await redisServer()
    cleaning.push(server.remove)
    for (const password of [null, 'wrong-one']) {
      const store = redisStore({ url: server.url, user: null, password })
      const error: unknown = await store.look(null).catch((cause: unknown) => cause)
      expect(error).toMatchObject({
        code: 'ERR_IDENTITY_UNAVAILABLE',
        message: expect.stringMatching(/NOAUTH|WRONGPASS/),
      })
      expect(String(error)).not.toContain('wrong-one')
      await store.close()
    }
  })
})

test('a file that everybody may write is not read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-'))
  cleaning.push(() => rmSync(folder, { recursive: true, force: true }))
  const store = fileStore(join(folder, 'list'))
  await store.make()
  chmodSync(join(folder, 'list'), 0o666)
  await expect(store.look(null)).rejects.toMatchObject({
    code: 'ERR_KEYS_STORE',
    message: expect.stringContaining('chmod'),
  })
})

test.each([
  ['{}'],
  ['{"version":2,"generation":0,"revoked":[],"lifted":[]}'],
  ['{"version":1,"generation":-1,"revoked":[],"lifted":[]}'],
  ['{"version":1,"generation":0,"revoked":[],"lifted":[],"more":1}'],
  [`{"version":1,"generation":0,"revoked":[{"name":"${KEY}"}],"lifted":[]}`],
  [`{"version":1,"generation":0,"revoked":[{"name":"group:x y","at":"2026-11-24T00:00:00.000Z"}],"lifted":[]}`],
  [`{"version":1,"generation":0,"revoked":[{"name":"${KEY}","at":"2026-11-24T00:00:00.000Z","if":1}],"lifted":[]}`],
  [
    `{"version":1,"generation":0,"revoked":[{"name":"${KEY}","at":"2026-11-24T00:00:00.000Z"}],"lifted":[{"name":"${KEY}","at":"2026-11-24T00:00:00.000Z"}]}`,
  ],
])('is no list: %s', (text) => {
  expect(() => parseList('here', Buffer.from(text))).toThrow(/damaged/)
})

test('any older list is put back: whoever was revoked stays so, whatever was done since', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-revoked-'))
  cleaning.push(() => rmSync(folder, { recursive: true, force: true }))
  const step = fc.record({
    name: fc.constantFrom(KEY, TOKEN),
    undo: fc.boolean(),
    until: fc.option(fc.integer({ min: 60, max: 90 })),
    // Clocks of writers differ.
    skew: fc.integer({ min: -2_000, max: 2_000 }),
  })
  const steps = fc.array(step, { maxLength: 6 })
  let file = 0
  await fc.assert(
    fc.asyncProperty(steps, steps, async (before, after) => {
      const path = join(folder, `${file++}`)
      const store = fileStore(path)
      await store.make()
      const play = async (all: typeof before): Promise<void> => {
        for (const { name, undo, until, skew } of all) {
          const now = Date.now() + skew
          const end = until === null ? null : now + until * 60_000
          await store.change((list) =>
            undo ? lift(list, name, now) : revoke(list, { name, until: end, why: null }, now),
          )
        }
      }
      await play(before)
      copyFileSync(path, `${path}.kept`)
      await play(after)
      const revocations = await openRevocations({ store, everyMs: 600_000, staleAfterMs: 600_000 })
      const revoked = [KEY, TOKEN].filter((name) => !revocations.stands([name]))
      copyFileSync(`${path}.kept`, path)
      await revocations.refresh()
      for (const name of revoked) expect(revocations.stands([name])).toBe(false)
      await revocations.close()
    }),
    { numRuns: 60 },
  )
}, 30_000)

test('what is written is read again the same, whatever was done to it', () => {
  const name = fc.oneof(
    fc.stringMatching(/^key:[A-Za-z0-9]{8}$/),
    fc.stringMatching(/^(token|subject|issuer-key):[a-z/.]{1,20} [!-~ äß]{1,20}$/),
  )
  const step = fc.record({ name, undo: fc.boolean(), until: fc.option(fc.integer({ min: 1, max: 1e9 })) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let list = parseList('here', Buffer.from(listText({ generation: 0, revoked: [], lifted: [] })))
      const now = Date.now()
      for (const { name: one, undo, until } of steps) {
        list =
          (undo
            ? lift(list, one, now)
            : revoke(list, { name: one, until: until === null ? null : now + until, why: null }, now)) ?? list
        expect(list.revoked.some((entry) => entry.name === one)).toBe(!undo)
      }
      expect(parseList('here', Buffer.from(listText(list)))).toEqual(list)
    }),
  )
})
