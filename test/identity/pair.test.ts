import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createKey, openKeys, pairKey, revokeKey, rotateKey, unpairKey } from '../../src/identity/index.ts'
import { removeStoresAfterwards } from './kit.ts'
import { DIFFERENT, withProof } from './tampering.ts'
import { BOTH, judge, openPair, sign, WHO } from './wire.ts'

removeStoresAfterwards()

describe('what is taken', () => {
  it('signatures only where they are switched on', async () => {
    const { key, pair, keys } = await openPair({ gatewayKeys: true, sigv4: false })
    const sent = await sign(pair)
    expect(judge(keys, sent)).toEqual({ who: expect.stringContaining('AWS_BEARER_TOKEN_BEDROCK'), when: 'head' })
    expect(judge(keys, sent).who).toContain('identity.sigv4')
    expect(judge(keys, withProof('authorization', () => `Bearer ${key}`)(sent)).who).toBe(WHO)
    keys.close()
  })

  it('signatures alone', async () => {
    const { key, pair, keys } = await openPair({ gatewayKeys: false, sigv4: true })
    const sent = await sign(pair)
    expect(judge(keys, sent).who).toBe(WHO)
    expect(judge(keys, withProof('authorization', () => `Bearer ${key}`)(sent)).who).toContain('switched off')
    expect(judge(keys, withProof('authorization', () => undefined)(sent)).who).toContain('carries no signature')
    keys.close()
  })

  it('nothing at all', async () => {
    const { key, pair, keys } = await openPair({ gatewayKeys: false, sigv4: false })
    const sent = await sign(pair)
    for (const call of [sent, withProof('authorization', () => `Bearer ${key}`)(sent)])
      expect(judge(keys, call).who).toContain('no other proof is taken')
    keys.close()
  })
})

describe('a pair', () => {
  it('ends with its key', async () => {
    const { file, id, pair, keys } = await openPair()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    const sent = await sign(pair, { digest: false })
    const claimed = keys.authenticate(sent.presented)
    await revokeKey(file, id)
    await keys.refresh()
    expect(keys.stands(principal)).toBe(false)
    expect(() => claimed.confirm?.(sent.body)).toThrow(`Gateway key ${id} has been revoked.`)
    expect(judge(keys, await sign(pair)).who).toBe(`Gateway key ${id} has been revoked.`)
    // Only who has the secret hears it.
    expect(judge(keys, await sign({ ...pair, secretAccessKey: 'wrong' })).who).toContain(DIFFERENT)
    keys.close()
  })

  it('that ends while the body is read proves nothing', async () => {
    const { file, id, pair, keys } = await openPair()
    const sent = await sign(pair)
    const { confirm } = keys.authenticate(sent.presented)
    await unpairKey(file, id)
    await keys.refresh()
    expect(() => confirm?.(sent.body)).toThrow(`Gateway key ${id} was rotated`)
    keys.close()
  })

  it('ends when the key expires', async () => {
    const { file, keys } = await openPair()
    const { view } = await createKey(file, { subject: 'short', tenant: 'claims', lifetimeMs: 400 })
    const pair = await pairKey(file, view.id, 0)
    await keys.refresh()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    expect(keys.stands(principal)).toBe(true)
    await expect.poll(() => keys.stands(principal), { timeout: 3000 }).toBe(false)
    expect(judge(keys, await sign(pair)).who).toContain('has expired')
    keys.close()
  })

  it('overlaps with the next one, and not beyond its time', async () => {
    const { file, id, pair, keys } = await openPair()
    const { principal } = keys.authenticate((await sign(pair)).presented)
    const second = await pairKey(file, id, 500)
    await keys.refresh()
    expect(judge(keys, await sign(second)).who).toBe(WHO)
    expect(judge(keys, await sign(pair)).who).toBe(WHO)
    await expect.poll(() => keys.stands(principal), { timeout: 3000 }).toBe(false)
    expect(judge(keys, await sign(pair)).who).toContain('was rotated')
    expect(judge(keys, await sign(second)).who).toBe(WHO)
    keys.close()
  })

  it('and the key itself are rotated apart', async () => {
    const { file, id, key, pair, keys } = await openPair()
    const bearer = withProof('authorization', () => `Bearer ${key}`)
    const proved = keys.authenticate(bearer(await sign(pair)).presented).principal
    await rotateKey(file, id, 0)
    await keys.refresh()
    expect(keys.stands(proved)).toBe(false)
    expect(judge(keys, await sign(pair)).who).toBe(WHO)
    expect(judge(keys, bearer(await sign(pair))).who).toContain('not known')
    keys.close()
  })
})

it('a pair stands on salt and pepper both: with another salt in the store it proves nothing', async () => {
  const { file, pair, keys } = await openPair()
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace(/("salt": ").{21}/, `$1${'A'.repeat(21)}`))
  await keys.refresh()
  expect(judge(keys, await sign(pair)).who).toContain(DIFFERENT)
  writeFileSync(file, text)
  await keys.refresh()
  expect(judge(keys, await sign(pair)).who).toBe(WHO)
  keys.close()
})

it('two openings derive the same secrets, and two pairs share none', async () => {
  const { file, id, pair, keys } = await openPair()
  const again = await openKeys({ file, accepted: BOTH, pollMs: 60_000 })
  expect(judge(again, await sign(pair)).who).toBe(WHO)
  const next = await pairKey(file, id, 0)
  expect(next.secretAccessKey).not.toBe(pair.secretAccessKey)
  expect(next.accessKeyId).toMatch(new RegExp(`^CHKA${id}[0-9A-Za-z]{8}$`))
  for (const one of [keys, again]) one.close()
})
