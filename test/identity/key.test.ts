import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isKeyId, newKey, newKeyId, readKeyId } from '../../src/identity/index.ts'

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))

describe('a gateway key', () => {
  it('has one form, and gives its id back', () => {
    fc.assert(
      fc.property(secret, (bytes) => {
        const id = newKeyId()
        const key = newKey(id, bytes)
        expect(key).toMatch(/^chk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
        expect(readKeyId(key)).toBe(id)
        expect(isKeyId(id)).toBe(true)
      }),
    )
  })

  it('is refused after any change of one character', () => {
    fc.assert(
      fc.property(secret, fc.nat(), printable, (bytes, at, character) => {
        const key = newKey(newKeyId(), bytes)
        const i = at % key.length
        fc.pre(key[i] !== character)
        expect(readKeyId(`${key.slice(0, i)}${character}${key.slice(i + 1)}`)).toBeNull()
      }),
      { numRuns: 5000 },
    )
  })

  it('is refused after every change of every character of one key', () => {
    const key = newKey(newKeyId(), randomBytes(32))
    let survivors = 0
    for (let i = 0; i < key.length; i++) {
      for (let code = 0x20; code < 0x7f; code++) {
        const changed = `${key.slice(0, i)}${String.fromCharCode(code)}${key.slice(i + 1)}`
        if (changed !== key && readKeyId(changed) !== null) survivors += 1
      }
    }
    expect(survivors).toBe(0)
  })

  it('is refused when characters are lost, doubled or swapped', () => {
    fc.assert(
      fc.property(secret, fc.nat(), fc.constantFrom('lose', 'double', 'swap'), (bytes, at, how) => {
        const key = newKey(newKeyId(), bytes)
        const i = at % (key.length - 1)
        const [head, one, two, tail] = [key.slice(0, i), key[i], key[i + 1], key.slice(i + 2)]
        fc.pre(one !== two)
        const typed = {
          lose: `${head}${two}${tail}`,
          double: `${head}${one}${one}${two}${tail}`,
          swap: `${head}${two}${one}${tail}`,
        }
        expect(readKeyId(typed[how])).toBeNull()
      }),
      { numRuns: 2000 },
    )
  })

  it('differs for every secret', () => {
    fc.assert(
      fc.property(secret, secret, (a, b) => {
        fc.pre(Buffer.compare(a, b) !== 0)
        expect(newKey('AAAAAAAA', a)).not.toBe(newKey('AAAAAAAA', b))
      }),
    )
  })

  for (const text of [
    '',
    'chk_',
    'sk-proj-abc',
    `chk_${'A'.repeat(59)}`,
    `chk_${'A'.repeat(8)}_${'é'.repeat(43)}_000000`,
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => expect(readKeyId(text)).toBeNull())
  }
})
