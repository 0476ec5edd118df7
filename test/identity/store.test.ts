import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createKey, listKeys, openKeys, pairKey, revokeKey, rotateKey, unpairKey } from '../../src/identity/index.ts'
import { codeOf, newStore, prove, removeStoresAfterwards } from './kit.ts'

removeStoresAfterwards()
const CLAIMS = { subject: 'claims-bot', tenant: 'claims', groups: ['adjusters', 'adjusters'] }

describe('the store of keys', () => {
  it('holds hashes only, readable by its owner only', async () => {
    const file = newStore()
    const { key, view } = await createKey(file, CLAIMS)
    const [, id, secret] = key.split('_')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(id)
    expect(text).not.toContain(secret)
    for (const name of [file, join(dirname(file), 'pepper')]) expect(statSync(name).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    expect(view).toMatchObject({
      subject: 'claims-bot',
      tenant: 'claims',
      groups: ['adjusters'],
      status: 'live',
      expiresAt: null,
    })
    expect(await listKeys(file)).toEqual([view])
  })

  it('loses nothing when many create at once', async () => {
    const file = newStore()
    const made = await Promise.all(
      Array.from({ length: 24 }, (_, i) => createKey(file, { ...CLAIMS, subject: `bot-${i}` })),
    )
    const kept = (await listKeys(file)).map(({ id }) => id).sort()
    expect(kept).toEqual(made.map(({ view }) => view.id).sort())
    const keys = await openKeys({ file })
    for (const { key } of made) expect(prove(keys, { 'api-key': key }).tenant).toBe('claims')
    keys.close()
  })

  it('keeps two live secrets at most, and says when the older ends', async () => {
    const file = newStore()
    const now = Date.parse('2026-03-01T12:00:00.000Z')
    const { view } = await createKey(file, CLAIMS, now)
    const second = await rotateKey(file, view.id, 3_600_000, now)
    expect(second.view.status).toBe('rotating')
    expect(second.view.secrets.map(({ ends }) => ends)).toEqual(['2026-03-01T13:00:00.000Z', null])
    expect(await codeOf(() => rotateKey(file, view.id, 3_600_000, now + 1))).toBe('ERR_CLI_USAGE')
    expect((await rotateKey(file, view.id, 3_600_000, now + 3_600_000)).view.secrets).toHaveLength(2)
    expect((await rotateKey(file, view.id, 0, now + 3_600_001)).view.secrets).toHaveLength(1)
  })

  it('revokes once and for all', async () => {
    const file = newStore()
    const { view } = await createKey(file, CLAIMS)
    const first = await revokeKey(file, view.id, Date.parse('2026-03-01T12:00:00.000Z'))
    expect(first.revokedAt).toBe('2026-03-01T12:00:00.000Z')
    expect((await revokeKey(file, view.id)).revokedAt).toBe(first.revokedAt)
    expect(await codeOf(() => rotateKey(file, view.id, 0))).toBe('ERR_CLI_USAGE')
    expect(await codeOf(() => revokeKey(file, 'AAAAAAAA'))).toBe('ERR_CLI_USAGE')
  })

  it('does not rotate what has expired', async () => {
    const file = newStore()
    const { view } = await createKey(file, { ...CLAIMS, lifetimeMs: 1000 }, 1_000_000)
    expect(await codeOf(() => rotateKey(file, view.id, 0, 1_001_000))).toBe('ERR_CLI_USAGE')
    expect((await listKeys(file, 1_001_000))[0]?.status).toBe('expired')
    expect((await listKeys(file, 1_000_999))[0]?.status).toBe('live')
  })

  const subjects = ['', 'a\nb', 'x'.repeat(257), '\u0000']
  for (const subject of subjects) {
    it(`refuses the name ${JSON.stringify(subject.slice(0, 8))}`, async () => {
      expect(await codeOf(() => createKey(newStore(), { ...CLAIMS, subject }))).toBe('ERR_CLI_USAGE')
    })
  }

  it('sweeps up what a killed writer left', async () => {
    const file = newStore()
    await createKey(file, CLAIMS)
    const left = `${file}.0123456789ab.tmp`
    writeFileSync(left, '{"version":1,"keys":[{"id"')
    await createKey(file, CLAIMS)
    expect(existsSync(left)).toBe(false)
    expect(readdirSync(dirname(file)).sort()).toEqual(['gateway-keys.json', 'gateway-keys.json.lock', 'pepper'])
  })

  it('holds of a pair nothing that is secret, and is version 2 only while there is one', async () => {
    const file = newStore()
    const { view } = await createKey(file, CLAIMS)
    expect(readFileSync(file, 'utf8')).toContain('"version": 1')
    const { accessKeyId, secretAccessKey, view: paired } = await pairKey(file, view.id, 0)
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('"version": 2')
    expect(text).not.toContain(secretAccessKey)
    expect(JSON.stringify(paired)).not.toContain(secretAccessKey)
    expect([accessKeyId, secretAccessKey].join(' ')).toMatch(/^CHKA[0-9A-Za-z]{16} [0-9A-Za-z]{43}$/)
    expect(paired.aws).toEqual([{ accessKeyId, created: expect.any(String), ends: null }])
    expect(await listKeys(file)).toEqual([paired])
    expect((await unpairKey(file, view.id)).aws).toEqual([])
    expect(await listKeys(file)).toEqual([view])
    expect(readFileSync(file, 'utf8')).toContain('"version": 1')
  })

  it('keeps two live pairs at most, as of secrets', async () => {
    const file = newStore()
    const now = Date.parse('2026-03-01T12:00:00.000Z')
    const { view } = await createKey(file, CLAIMS, now)
    await pairKey(file, view.id, 3_600_000, now)
    const second = await pairKey(file, view.id, 3_600_000, now)
    expect(second.view.aws.map(({ ends }) => ends)).toEqual(['2026-03-01T13:00:00.000Z', null])
    expect(await codeOf(() => pairKey(file, view.id, 3_600_000, now + 1))).toBe('ERR_CLI_USAGE')
    expect((await pairKey(file, view.id, 3_600_000, now + 3_600_000)).view.aws).toHaveLength(2)
    expect((await pairKey(file, view.id, 0, now + 3_600_001)).view.aws).toHaveLength(1)
    await revokeKey(file, view.id)
    expect(await codeOf(() => pairKey(file, view.id, 0))).toBe('ERR_CLI_USAGE')
    expect(await codeOf(() => pairKey(file, 'AAAAAAAA', 0))).toBe('ERR_CLI_USAGE')
    expect(await codeOf(() => unpairKey(file, 'AAAAAAAA'))).toBe('ERR_CLI_USAGE')
  })

  it('makes no new pepper beside keys whose pepper is lost', async () => {
    const file = newStore()
    await createKey(file, CLAIMS)
    unlinkSync(join(dirname(file), 'pepper'))
    expect(await codeOf(() => createKey(file, CLAIMS))).toBe('ERR_KEYS_STORE')
    expect(await codeOf(() => openKeys({ file }))).toBe('ERR_KEYS_STORE')
  })
})

describe('a damaged store is refused', () => {
  const whole = async () => {
    const file = newStore()
    const { view } = await createKey(file, CLAIMS)
    await pairKey(file, view.id, 0)
    return { file, text: readFileSync(file, 'utf8') }
  }
  const damages: Readonly<Record<string, (text: string) => string>> = {
    empty: () => '',
    'no JSON': (text) => text.slice(1),
    'another version': (text) => text.replace('"version": 2', '"version": 3'),
    'no version': (text) => text.replace('"version": 2', '"version": null'),
    'a pair in version 1': (text) => text.replace('"version": 2', '"version": 1'),
    'an unknown member of a pair': (text) => text.replace('"salt"', '"service": "bedrock",\n"salt"'),
    'a salt of another length': (text) => text.replace(/("salt": ".)/, '$1A'),
    'an id of a pair that is none': (text) => text.replace(/("aws": \[\s*\{\s*"id": ")./, '$1-'),
    'no pairs': (text) => text.replace(/"aws": \[[^\]]*\]/, '"aws": []'),
    'an unknown pepper of a pair': (text) => text.replace(/("aws": \[[^\]]*"pepper": ")[^"]*"/, '$1p0"'),
    'an unknown member': (text) => text.replace('"tenant"', '"only_from": "10.0.0.0/8",\n"tenant"'),
    'an unknown member of a secret': (text) => text.replace('"pepper"', '"until": 1,\n"pepper"'),
    'a tenant that is a number': (text) => text.replace('"claims"', '7'),
    'a time without milliseconds': (text) => text.replace(/\.\d{3}Z/, 'Z'),
    'a time that is none': (text) => text.replace(/"created": "\d{4}-\d\d/, '"created": "2026-19'),
    'a hash of another length': (text) => text.replace(/("hmac": ".)/, '$1A'),
    'no secrets': (text) => text.replace(/"secrets": \[[^\]]*\]/, '"secrets": []'),
    'an unknown pepper': (text) => text.replace(/"pepper": "[^"]*"/, '"pepper": "p0"'),
    'the same key twice': (text) => {
      const key = text.slice(text.indexOf('[') + 1, text.lastIndexOf(']'))
      return text.replace(key, () => `${key},${key}`)
    },
  }
  for (const [name, damage] of Object.entries(damages)) {
    it(`with ${name}`, async () => {
      const { file, text } = await whole()
      writeFileSync(file, damage(text))
      expect(readFileSync(file, 'utf8')).not.toBe(text)
      expect(await codeOf(() => openKeys({ file }))).toBe('ERR_KEYS_STORE')
    })
  }

  it('cut off at any byte', async () => {
    const { file, text } = await whole()
    for (let length = text.length - 2; length >= 0; length -= 7) {
      truncateSync(file, length)
      expect(await codeOf(() => openKeys({ file }))).toBe('ERR_KEYS_STORE')
    }
  })

  it('and so is one that everybody can write, or whose pepper everybody can read', async () => {
    const { file } = await whole()
    chmodSync(file, 0o666)
    expect(await codeOf(() => openKeys({ file }))).toBe('ERR_KEYS_STORE')
    chmodSync(file, 0o600)
    chmodSync(join(dirname(file), 'pepper'), 0o644)
    expect(await codeOf(() => openKeys({ file }))).toBe('ERR_KEYS_STORE')
  })
})
