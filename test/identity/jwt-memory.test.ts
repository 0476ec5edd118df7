import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Principal } from '../../src/core/call.ts'
import { openTokens, type Tokens, type TokensOptions } from '../../src/identity/index.ts'
import { codeOf } from './kit.ts'
import { claimsOf, type Idp, issuerAt, jwkOf, newSigner, now, setOf, startIdp, tokenOf } from './tokens.ts'

/** What is remembered of tokens that were proved, and what of those that were not. */

const [one, two] = [newSigner('RS256', 'one'), newSigner('RS256', 'two')]
const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

async function started(): Promise<Idp> {
  const idp = await startIdp()
  cleaning.push(() => idp.down())
  idp.serve('/jwks', Object(setOf(one)))
  return idp
}

async function opened(options: TokensOptions): Promise<Tokens> {
  const tokens = openTokens(options)
  cleaning.push(() => tokens.close())
  await tokens.refresh()
  return tokens
}

const isRemembered = (tokens: Tokens, token: string): boolean => !(tokens.prove(token) instanceof Promise)

describe('a token that was proved', () => {
  it('is remembered as the same principal, and never beyond its end, to the millisecond', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    const exp = now() + 2
    const token = tokenOf(one, claimsOf(idp.url, { exp }))
    const principal = await tokens.prove(token)
    expect(tokens.prove(token)).toBe(principal)
    let last: string
    do {
      const before = Date.now()
      last = await codeOf(() => tokens.prove(token))
      const [stands, after] = [tokens.stands(principal), Date.now()]
      if (after < exp * 1_000) expect([last, stands]).toEqual(['none', true])
      if (before >= exp * 1_000) expect([last, stands]).toEqual(['ERR_IDENTITY_INVALID', false])
      await sleep(1)
    } while (Date.now() < exp * 1_000 + 50)
    expect(last).toBe('ERR_IDENTITY_INVALID')
  })

  it('is as good as the clock skew allows, and no longer', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url, { clockSkewMs: 30_000 })] })
    const ended = (seconds: number) => tokenOf(one, claimsOf(idp.url, { iat: now() - 300, exp: now() - seconds }))
    expect(await codeOf(() => tokens.prove(ended(15)))).toBe('none')
    expect(await codeOf(() => tokens.prove(ended(31)))).toBe('ERR_IDENTITY_INVALID')
  })

  it('stays in the memory for as long as it is used, and goes when as many others as there is room for were used since', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)], remember: 6 })
    const another = () => tokens.prove(tokenOf(one, claimsOf(idp.url)))
    const used = tokenOf(one, claimsOf(idp.url))
    const principal = await tokens.prove(used)
    for (let index = 0; index < 30; index++) {
      await another()
      expect(tokens.prove(used)).toBe(principal)
    }
    for (let index = 0; index < 6; index++) await another()
    expect(isRemembered(tokens, used)).toBe(false)
    // Forgetting is no verdict.
    expect(tokens.stands(principal)).toBe(true)
    expect(await codeOf(() => tokens.prove(used))).toBe('none')
  })

  it('and has no id is one thing to revoke, whatever valid signature it bears', async () => {
    const ec = newSigner('ES256', 'ec')
    const idp = await started()
    idp.serve('/jwks', Object(setOf(ec)))
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    const { jti: _, ...claims } = claimsOf(idp.url)
    const token = tokenOf(ec, claims)
    // ECDSA: where (r, s) is right, (r, n - s) is too.
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const [head = '', body = '', mark = ''] = token.split('.')
    const signature = Buffer.from(mark, 'base64url')
    const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
    const mirrored = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
    const first = await tokens.prove(token)
    const second = await tokens.prove(`${head}.${body}.${mirrored.toString('base64url')}`)
    expect(tokens.names(second)).toEqual(tokens.names(first))
    expect(tokens.names(first)).toContain(`token:${idp.url} ${first.keyId}`)
  })

  it('while the keys change under it is not remembered over them', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    for (let round = 0; round < 10; round++) {
      const [from, to] = round % 2 === 0 ? [one, two] : [two, one]
      const all = Array.from({ length: 30 }, () => tokenOf(from, claimsOf(idp.url)))
      idp.serve('/jwks', { keys: [jwkOf(to)] })
      const proving = all.map((token) => Promise.resolve(tokens.prove(token)).catch(() => null))
      const [, ...proved] = await Promise.all([tokens.refresh(), ...proving])
      for (const principal of proved) if (principal !== null) expect(tokens.stands(principal)).toBe(false)
      for (const token of all) expect(await codeOf(() => tokens.prove(token))).toBe('ERR_IDENTITY_INVALID')
      expect(await codeOf(() => tokens.prove(tokenOf(to, claimsOf(idp.url))))).toBe('none')
    }
  })
})

describe('tokens that are not proved', () => {
  it('take nobody his place in the memory, under whatever ids and with whatever text', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)], remember: 4 })
    const good = tokenOf(one, claimsOf(idp.url))
    const principal = await tokens.prove(good)
    const forged = { ...two, kid: 'one' }
    const [head = '', body = ''] = good.split('.')
    for (let index = 0; index < 50; index++) {
      const worse = [
        tokenOf(forged, claimsOf(idp.url)),
        tokenOf(two, claimsOf(idp.url)),
        tokenOf(one, claimsOf(idp.url, { aud: 'other' })),
        `${head}.${body}.${tokenOf(forged, claimsOf(idp.url)).split('.')[2]}`,
      ]
      for (const token of worse) expect(await codeOf(() => tokens.prove(token))).toBe('ERR_IDENTITY_INVALID')
    }
    expect(tokens.prove(good)).toBe(principal)
  })

  it('of an unknown key: refused while the issuer answers, unavailable while it does not, and one question for all', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    const unknown = (index: number) => tokenOf({ ...two, kid: `k${index}` }, claimsOf(idp.url))
    const codes = async (): Promise<ReadonlySet<string>> =>
      new Set(await Promise.all(Array.from({ length: 60 }, (_, index) => codeOf(() => tokens.prove(unknown(index))))))
    expect(await codes()).toEqual(new Set(['ERR_IDENTITY_INVALID']))
    expect(await codes()).toEqual(new Set(['ERR_IDENTITY_INVALID']))
    expect(idp.asked.length).toBe(2)
    await idp.down()
    await tokens.refresh()
    expect(await codes()).toEqual(new Set(['ERR_IDENTITY_UNAVAILABLE']))
    expect(await codeOf(() => tokens.prove(tokenOf(one, claimsOf(idp.url))))).toBe('none')
  })

  it('wait for keys that do not come: 256 of an issuer, no more, and no other issuer is kept waiting', async () => {
    const [slow, quick] = [await started(), await started()]
    let answer = (): void => undefined
    slow.serve('/jwks', (_, response) => {
      answer = () => void response.end(JSON.stringify(setOf(one)))
    })
    const tokens = openTokens({ issuers: [issuerAt(slow.url), issuerAt(quick.url)] })
    cleaning.push(() => tokens.close())
    await expect.poll(() => slow.asked.length).toBe(1)
    const waiting: Promise<Principal>[] = []
    for (let index = 0; index < 256; index++) {
      const work = tokens.prove(tokenOf(one, claimsOf(slow.url)))
      if (!(work instanceof Promise)) throw new Error('it was not proved before')
      waiting.push(work)
    }
    expect(await codeOf(() => tokens.prove(tokenOf(one, claimsOf(slow.url))))).toBe('ERR_GATEWAY_OVERLOADED')
    expect(await codeOf(() => tokens.prove(tokenOf(one, claimsOf(quick.url))))).toBe('none')
    answer()
    expect(new Set((await Promise.all(waiting)).map(({ tenant }) => tenant))).toEqual(new Set(['claims']))
    expect(await codeOf(() => tokens.prove(tokenOf(one, claimsOf(slow.url))))).toBe('none')
  })

  it('and name keys that nobody has, while the issuer hangs: those whose key is known are proved beside them', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    let answer = (): void => undefined
    idp.serve('/jwks', (_, response) => {
      answer = () => void response.end(JSON.stringify(setOf(one)))
    })
    const unknown = (index: number) =>
      codeOf(() => tokens.prove(tokenOf({ ...two, kid: `k${index}` }, claimsOf(idp.url))))
    const flood = Array.from({ length: 256 }, (_, index) => unknown(index))
    expect(await unknown(256)).toBe('ERR_GATEWAY_OVERLOADED')
    await expect.poll(() => idp.asked.length).toBe(2)
    const good = Array.from({ length: 20 }, () => codeOf(() => tokens.prove(tokenOf(one, claimsOf(idp.url)))))
    expect(new Set(await Promise.all(good))).toEqual(new Set(['none']))
    answer()
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['ERR_IDENTITY_INVALID']))
  })

  it('the same one a hundred times at once is proved once', async () => {
    const idp = await started()
    const tokens = await opened({ issuers: [issuerAt(idp.url)] })
    const token = tokenOf(one, claimsOf(idp.url))
    const all = await Promise.all(Array.from({ length: 100 }, () => tokens.prove(token)))
    expect(new Set(all).size).toBe(1)
  })
})
