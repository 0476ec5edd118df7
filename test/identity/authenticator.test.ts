import { randomBytes } from 'node:crypto'
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import {
  CREDENTIAL_HEADERS,
  createKey,
  type GatewayKeys,
  type KeysEvent,
  newKey,
  openKeys,
  revokeKey,
  rotateKey,
} from '../../src/identity/index.ts'
import { codeOf, newStore, prove, removeStoresAfterwards } from './kit.ts'

removeStoresAfterwards()
const CLAIMS = { subject: 'claims-bot', tenant: 'claims', groups: ['adjusters'] }

async function opened(pollMs = 60_000) {
  const file = newStore()
  const { key, view } = await createKey(file, CLAIMS)
  const events: KeysEvent[] = []
  const keys = await openKeys({ file, pollMs, report: (event) => events.push(event) })
  return { file, key, id: view.id, keys, events }
}

function messageOf(keys: GatewayKeys, headers: Readonly<Record<string, string>>): string {
  try {
    prove(keys, headers)
    return 'accepted'
  } catch (error) {
    if (error instanceof CustomhouseError) return error.message
    throw error
  }
}

describe('a credential', () => {
  it('is taken from where each SDK puts it', async () => {
    const { key, id, keys } = await opened()
    const principal = {
      subject: 'claims-bot',
      tenant: 'claims',
      groups: ['adjusters'],
      purpose: null,
      proof: 'key',
      keyId: id,
    }
    const ways = [
      { authorization: `Bearer ${key}` },
      { authorization: `bearer  ${key} ` },
      { 'x-api-key': key },
      { 'api-key': key },
      { 'x-goog-api-key': key },
      { authorization: `Bearer ${key}`, 'x-api-key': key },
      { authorization: 'Bearer ', 'x-api-key': key },
    ]
    for (const headers of ways) expect(prove(keys, headers)).toEqual(principal)
    for (const name of ways.flatMap((headers) => Object.keys(headers))) expect(CREDENTIAL_HEADERS).toContain(name)
    keys.close()
  })

  it('is refused with its own code and without being repeated', async () => {
    const { file, key, keys } = await opened()
    const other = (await createKey(file, CLAIMS)).key
    await keys.refresh()
    const wrong = newKey(key.slice(4, 12), randomBytes(32))
    const unknown = newKey('zzzzzzzz', randomBytes(32))
    const typo = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`
    const cases: readonly [Readonly<Record<string, string>>, string, string][] = [
      [{}, 'ERR_IDENTITY_MISSING', 'carries no gateway key'],
      [{ authorization: '' }, 'ERR_IDENTITY_MISSING', 'carries no gateway key'],
      [{ authorization: 'Bearer' }, 'ERR_IDENTITY_MISSING', 'carries no gateway key'],
      [{ cookie: `key=${key}` }, 'ERR_IDENTITY_MISSING', 'carries no gateway key'],
      [{ authorization: `Basic ${key}` }, 'ERR_IDENTITY_INVALID', 'another scheme'],
      [{ authorization: key }, 'ERR_IDENTITY_INVALID', 'another scheme'],
      [{ authorization: `Bearer ${key}, Bearer ${key}` }, 'ERR_IDENTITY_INVALID', 'typing error'],
      [{ authorization: `Bearer ${key}`, 'api-key': other }, 'ERR_IDENTITY_INVALID', 'two different credentials'],
      [
        { 'x-api-key': 'sk-proj-something', authorization: `Bearer ${key}` },
        'ERR_IDENTITY_INVALID',
        'two different credentials',
      ],
      [{ authorization: 'Bearer sk-proj-something' }, 'ERR_IDENTITY_INVALID', 'begin with chk_'],
      [{ authorization: `Bearer ${typo}` }, 'ERR_IDENTITY_INVALID', 'typing error'],
      [{ authorization: `Bearer ${wrong}` }, 'ERR_IDENTITY_INVALID', 'is not known'],
      [{ authorization: `Bearer ${unknown}` }, 'ERR_IDENTITY_INVALID', 'is not known'],
    ]
    for (const [headers, code, words] of cases) {
      expect(await codeOf(() => prove(keys, headers))).toBe(code)
      const message = messageOf(keys, headers)
      expect(message).toContain(words)
      for (const secret of [key, typo, wrong, unknown, 'sk-proj-something']) expect(message).not.toContain(secret)
    }
    expect(messageOf(keys, { 'api-key': wrong })).toBe(messageOf(keys, { 'api-key': unknown }))
    keys.close()
  })

  it('takes as long for an unknown id as for a wrong secret', async () => {
    const { key, keys } = await opened()
    const wrong = { 'api-key': newKey(key.slice(4, 12), randomBytes(32)) }
    const unknown = { 'api-key': newKey('zzzzzzzz', randomBytes(32)) }
    const time = (headers: Readonly<Record<string, string>>) => {
      const begin = process.hrtime.bigint()
      messageOf(keys, headers)
      return Number(process.hrtime.bigint() - begin)
    }
    const samples: [number[], number[]] = [[], []]
    for (let i = 0; i < 6000; i++) {
      samples[0].push(time(wrong))
      samples[1].push(time(unknown))
    }
    const [a = 0, b = 0] = samples.map((list) => list.slice(1000).sort((x, y) => x - y)[2500])
    // Without the hash on the way of an unknown id the medians differ by a factor of two and more.
    expect(Math.abs(a - b) / Math.max(a, b)).toBeLessThan(0.2)
    keys.close()
  })
})

describe('an open authenticator', () => {
  it('follows create, rotate and revoke within a poll', async () => {
    const { file, key, id, keys } = await opened(50)
    const principal = prove(keys, { 'api-key': key })
    const rotated = await rotateKey(file, id, 60_000)
    const added = await createKey(file, { ...CLAIMS, tenant: 'lab' })
    await expect.poll(() => messageOf(keys, { 'api-key': added.key }), { timeout: 3000 }).toBe('accepted')
    expect(messageOf(keys, { 'api-key': key })).toBe('accepted')
    expect(messageOf(keys, { 'api-key': rotated.key })).toBe('accepted')
    expect(keys.stands(principal)).toBe(true)
    await revokeKey(file, id)
    await expect
      .poll(() => messageOf(keys, { 'api-key': key }), { timeout: 3000 })
      .toBe(`Gateway key ${id} has been revoked.`)
    expect(messageOf(keys, { 'api-key': rotated.key })).toBe(`Gateway key ${id} has been revoked.`)
    expect(keys.stands(principal)).toBe(false)
    expect(messageOf(keys, { 'api-key': added.key })).toBe('accepted')
    keys.close()
  })

  it('ends the old secret of a rotation at its time, and what it proved with it', async () => {
    const { file, key, id, keys } = await opened()
    const old = prove(keys, { 'api-key': key })
    const rotated = await rotateKey(file, id, 300)
    await keys.refresh()
    const fresh = prove(keys, { 'api-key': rotated.key })
    expect([keys.stands(old), keys.stands(fresh)]).toEqual([true, true])
    await expect.poll(() => messageOf(keys, { 'api-key': key }), { timeout: 3000 }).toContain('was rotated')
    expect([keys.stands(old), keys.stands(fresh)]).toEqual([false, true])
    expect(messageOf(keys, { 'api-key': rotated.key })).toBe('accepted')
    keys.close()
  })

  it('ends an expired key', async () => {
    const { file, keys } = await opened()
    const { key } = await createKey(file, { ...CLAIMS, lifetimeMs: 300 })
    await keys.refresh()
    const principal = prove(keys, { 'api-key': key })
    await expect.poll(() => messageOf(keys, { 'api-key': key }), { timeout: 3000 }).toContain('has expired')
    expect(keys.stands(principal)).toBe(false)
    keys.close()
  })

  it('keeps the last good store when it is damaged or lost, and says so once', async () => {
    const { file, key, keys, events } = await opened()
    const good = readFileSync(file)
    events.length = 0
    writeFileSync(file, good.subarray(0, 100))
    await keys.refresh()
    await keys.refresh()
    expect(events.map(({ kind }) => kind)).toEqual(['rejected'])
    expect(messageOf(keys, { 'api-key': key })).toBe('accepted')
    unlinkSync(file)
    await keys.refresh()
    expect(events.map(({ kind }) => kind)).toEqual(['rejected', 'rejected'])
    expect(messageOf(keys, { 'api-key': key })).toBe('accepted')
    writeFileSync(file, good)
    await createKey(file, CLAIMS)
    await keys.refresh()
    expect(events.at(-1)).toEqual({ kind: 'loaded', keys: 2 })
    keys.close()
  })

  it('lets nobody in before there is a store', async () => {
    const file = newStore()
    const keys = await openKeys({ file, pollMs: 50 })
    expect(await codeOf(() => prove(keys, { 'api-key': newKey('AAAAAAAA') }))).toBe('ERR_IDENTITY_INVALID')
    const { key } = await createKey(file, CLAIMS)
    await expect.poll(() => messageOf(keys, { 'api-key': key }), { timeout: 3000 }).toBe('accepted')
    keys.close()
  })

  it('does not take a made-up or changed principal', async () => {
    const { key, keys } = await opened()
    const principal = prove(keys, { 'api-key': key })
    expect(keys.stands({ ...principal })).toBe(true)
    for (const change of [
      { tenant: 'lab' },
      { subject: 'other' },
      { groups: ['admin'] },
      { groups: [] },
      { keyId: 'AAAAAAAA' },
    ]) {
      expect(keys.stands({ ...principal, ...change })).toBe(false)
    }
    expect(Object.isFrozen(principal) && Object.isFrozen(principal.groups)).toBe(true)
    keys.close()
  })

  it('proves secrets of an older pepper still', async () => {
    const { file, key, keys } = await opened()
    const pepper = join(dirname(file), 'pepper')
    writeFileSync(pepper, `${readFileSync(pepper, 'utf8')}p2 ${randomBytes(32).toString('base64url')}\n`)
    const second = await createKey(file, CLAIMS)
    await keys.refresh()
    expect(messageOf(keys, { 'api-key': key })).toBe('accepted')
    expect(messageOf(keys, { 'api-key': second.key })).toBe('accepted')
    expect(readFileSync(file, 'utf8')).toContain('"pepper": "p2"')
    keys.close()
  })
})
