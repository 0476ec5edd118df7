import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearest, parseDuration, parseListen, parseSize } from '../../src/config.ts'

describe('units', () => {
  it('read back what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (n, unit) => {
        expect(parseDuration(`${n}${unit}`)).toBe(n * { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[unit])
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), fc.ipV6(), (port, host) => {
        expect(parseListen(`[${host}]:${port}`)).toEqual({ host, port })
      }),
    )
  })

  for (const text of ['', '5', '-1s', '1.5s', '01s', '1 s', '1S', '1e3s', 's', '1s ', '9999999999s']) {
    it(`${JSON.stringify(text)} is no duration`, () => expect(parseDuration(text)).toBeNull())
  }
  for (const text of ['', '4', '4MB', '4mib', '-1B', '1.5GiB', ' 4MiB', '99999999999999GiB']) {
    it(`${JSON.stringify(text)} is no size`, () => expect(parseSize(text)).toBeNull())
  }
  for (const text of [
    '8450',
    ':8450',
    'host',
    'host:',
    'host:65536',
    'host:-1',
    '::1:80',
    'a b:1',
    'host:08',
    'http://h:1',
  ]) {
    it(`${JSON.stringify(text)} is no address`, () => expect(parseListen(text)).toBeNull())
  }
})

describe('the nearest name', () => {
  it('is found after any one typing error', () => {
    const names = ['environment', 'providers', 'tenants', 'listen', 'limits']
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(20), fc.constantFrom('drop', 'double', 'swap'), (name, at, how) => {
        const i = at % (name.length - 1)
        const [head, one, two, tail] = [name.slice(0, i), name[i], name[i + 1], name.slice(i + 2)]
        const typed = {
          drop: `${head}${two}${tail}`,
          double: `${head}${one}${one}${two}${tail}`,
          swap: `${head}${two}${one}${tail}`,
        }[how]
        expect(nearest(typed, names)).toBe(name)
      }),
    )
  })
  it('is none for something else', () => expect(nearest('xyzzy', ['providers', 'tenants'])).toBeNull())
})
