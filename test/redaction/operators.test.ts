import { describe, expect, test } from 'vitest'
import { RESTRICTED_ZIP3 } from '../../plugins/redaction/operate/generalise.ts'
import type { Json } from '../../src/core/json.ts'
import { foundIn, redacted, restored, said } from './discharge-order.ts'

type Case = readonly [type: string, value: string, operator: Json, sent: string]

async function sent(type: string, value: string, operator: Json): Promise<string> {
  const segments = [said(0, `It is ${value}, so they say.`)]
  const made = await redacted({
    segments,
    findings: foundIn(segments, { [value]: type }),
    params: { types: { [type]: operator } },
  })
  const text = made.texts[0] ?? ''
  expect(text.startsWith('It is ') && text.endsWith(', so they say.'), text).toBe(true)
  return text.slice('It is '.length, -', so they say.'.length)
}

const THIS_YEAR = new Date().getUTCFullYear()

const CASES: readonly Case[] = [
  ['PERSON', 'Ada Lovelace', 'mask', '*** ********'],
  ['CREDIT_CARD', '4111 1111 1111 1234', { operator: 'mask', first: 6, last: 4 }, '4111 11** **** 1234'],
  ['CREDIT_CARD', '4111-1111-1111-1234', { operator: 'mask', last: 4 }, '****-****-****-1234'],
  // Of nine digits ten may not be shown: only what is half of them at most.
  ['SSN', '123-45-6789', { operator: 'mask', first: 6, last: 4 }, '***-**-6789'],
  ['SSN', '123-45-6789', { operator: 'mask', first: 2, last: 2 }, '12*-**-**89'],
  ['ID', 'AB12', { operator: 'mask', last: 4 }, '****'],
  ['SECRET', 'hunter2hunter2hunter2', { operator: 'mask', last: 4 }, '********'],
  ['CVV', '123', 'mask', '********'],
  ['CVV', '123', 'drop', ''],
  ['EMAIL', 'ada@example.org', 'drop', ''],
  ['EMAIL', 'ada@example.org', 'keep', 'ada@example.org'],
  ['DATE', '1987-03-12', 'generalise', '1987'],
  ['DATE', '03/12/1987', { operator: 'generalise', to: 'month' }, '1987-03'],
  ['DATE', '12. März 1987', { operator: 'generalise', to: 'month' }, '1987-03'],
  ['DATE', '12 de enero de 1987', { operator: 'generalise', to: 'month' }, '1987-01'],
  ['DATE', 'March 1987', 'generalise', '1987'],
  ['DATE', '12 March', 'generalise', 'DATE'],
  ['DATE', 'next Tuesday', 'generalise', 'DATE'],
  ['DATE', '1901-02-03', 'generalise', `before ${THIS_YEAR - 89}`],
  ['AGE', '45', 'generalise', '45'],
  ['AGE', '89 years', 'generalise', '89 years'],
  ['AGE', '90', 'generalise', '90+'],
  ['AGE', '104-year-old', 'generalise', '90+'],
  ['AGE', 'ninety-one', 'generalise', 'AGE'],
  ['ZIP', '94103', 'generalise', '941'],
  ['ZIP', '94103-1234', 'generalise', '941'],
  ['ZIP', '03601', 'generalise', '000'],
  ['ZIP', 'SW1A 1AA', 'generalise', 'ZIP'],
  ['IP', '203.0.113.77', 'generalise', '203.0.113.0/24'],
  ['IP', '2001:db8:85a3::8a2e:370:7334', 'generalise', '2001:db8:85a3::/48'],
  ['IP', '2001:db8::1', 'generalise', '2001:db8:0::/48'],
  ['LOCATION', 'Zürich', 'generalise', 'LOCATION'],
  ['IP', '203.0.113.77', { operator: 'generalise', to: 'type' }, 'IP'],
]

describe('what is sent in place of a value', () => {
  test.each(CASES)('%s %s %j: %s', async (type, value, operator, expected) => {
    expect(await sent(type, value, operator)).toBe(expected)
  })

  test('the ZIP areas of few people are the seventeen of the guidance', async () => {
    expect(RESTRICTED_ZIP3.size).toBe(17)
    for (const three of RESTRICTED_ZIP3) expect(await sent('ZIP', `${three}01`, 'generalise')).toBe('000')
  })

  test('a text that is nothing but what is dropped does not become empty', async () => {
    const segments = [said(0, 'ada@example.org')]
    const findings = foundIn(segments, { 'ada@example.org': 'EMAIL' })
    expect((await redacted({ segments, findings, params: { types: { EMAIL: 'drop' } } })).texts).toEqual(['EMAIL'])
  })

  test('a hash is the same in every call and form of a value, and another for each tenant, type and key', async () => {
    const hash = async (value: string, type: string, tenant: string, length?: number) => {
      const segments = [said(0, value)]
      const operator = length === undefined ? 'hash' : { operator: 'hash', length }
      const findings = foundIn(segments, { [value]: type })
      return (await redacted({ segments, findings, tenant, params: { types: { [type]: operator } } })).texts[0] ?? ''
    }
    const one = await hash('Ada@Example.org', 'EMAIL', 't')
    expect(one).toMatch(/^EMAIL_x[0-9a-f]{16}$/)
    expect(await hash('ada@example.org', 'EMAIL', 't')).toBe(one)
    expect(await hash('ada@example.org', 'EMAIL', 'u')).not.toBe(one)
    expect((await hash('ada@example.org', 'USERNAME', 't')).slice(-16)).not.toBe(one.slice(-16))
    expect(await hash('ada@example.org', 'EMAIL', 't', 64)).toMatch(/^EMAIL_x[0-9a-f]{64}$/)
  })
})

const SURROGATES: readonly (readonly [type: string, value: string, form: RegExp])[] = [
  ['PHONE', '(415) 867-5309', /^\(202\) 555-0100$/],
  ['PHONE', '+1 415 867 5309', /^\+1 202 555 0100$/],
  ['PHONE', '+49 30 901820', /^\+1 202 555 0100$/],
  ['EMAIL', 'ada@lovelace.net', /^mail1\.[0-9a-z]{7}@example\.com$/],
  ['URL', 'https://ada.lovelace.net/me', /^https:\/\/example\.com\/1\/[0-9a-z]{7}$/],
  ['IP', '8.8.4.4', /^192\.0\.2\.1$/],
  ['IP', '2a00:1450::1', /^2001:db8::1$/],
  ['SSN', '123-45-6789', /^900-00-0001$/],
  ['CREDIT_CARD', '4111 1111 1111 1111', /^9999 9900 0000 001\d$/],
  ['IBAN', 'GB29 NWBK 6016 1331 9268 19', /^GB\d\d XXXX 0000 0000 0000 01$/],
  ['IBAN', 'DE89370400440532013000', /^DE\d\d000000000000000001$/],
  ['DATE', '1987-03-12', /^19\d\d-\d\d-\d\d$/],
  ['DATE', 'March 12, 1987', /^[A-Z][a-z]+ \d{1,2}, 19\d\d$/],
  // Names, and what has no range that is nobody's, get tokens.
  ['PERSON', 'Ada Lovelace', /^PERSON_1_[0-9a-z]{4}$/],
  ['DATE', 'next Tuesday', /^DATE_1_[0-9a-z]{4}$/],
]

describe('surrogates', () => {
  test.each(SURROGATES)('%s %s: %s, and back', async (type, value, form) => {
    const segments = [said(0, `It is ${value}, so they say.`)]
    const findings = foundIn(segments, { [value]: type })
    const { texts, filter } = await redacted({ segments, findings, params: { types: { [type]: 'surrogate' } } })
    const [text = ''] = texts
    expect(text.slice('It is '.length, -', so they say.'.length)).toMatch(form)
    expect(restored(filter, text)).toBe(segments[0]?.text)
  })

  test('a card and an account pass the checks of schemas', async () => {
    const card = (await sent('CREDIT_CARD', '4111 1111 1111 1111', 'surrogate')).replaceAll(' ', '')
    const digits = [...card].reverse().map(Number)
    const sum = digits.reduce((all, digit, i) => all + (i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0)
    expect(sum % 10).toBe(0)
    const iban = (await sent('IBAN', 'GB29 NWBK 6016 1331 9268 19', 'surrogate')).replaceAll(' ', '')
    const numbers = [...`${iban.slice(4)}${iban.slice(0, 4)}`].map((unit) => Number.parseInt(unit, 36)).join('')
    expect(BigInt(numbers) % 97n).toBe(1n)
  })

  test('all dates of a call move by one offset of whole weeks', async () => {
    const values = { '2024-02-28': 'DATE', '03/01/2024': 'DATE', '12 March 2024': 'DATE' }
    const segments = Object.keys(values).map((value, i) => said(i, value))
    const { texts } = await redacted({
      segments,
      findings: foundIn(segments, values),
      params: { types: { DATE: 'surrogate' } },
    })
    const days = (text: string): number => Date.parse(`${text} UTC`) / 86_400_000
    const offsets = segments.map(({ text }, i) => days(texts[i] ?? '') - days(text))
    expect(new Set(offsets).size).toBe(1)
    expect(Math.abs(offsets[0] ?? 0) % 7).toBe(0)
    expect(offsets[0]).not.toBe(0)
  })

  test('what stands in the call already is nobody else', async () => {
    const segments = [said(0, 'Ring (415) 867-5309, not (202) 555-0100.')]
    const findings = foundIn(segments, { '(415) 867-5309': 'PHONE' })
    const { texts, filter } = await redacted({ segments, findings, params: { types: { PHONE: 'surrogate' } } })
    expect(texts[0]).toMatch(/^Ring PHONE_1_[0-9a-z]{4}, not \(202\) 555-0100\.$/)
    expect(restored(filter, texts[0] ?? '')).toBe(segments[0]?.text)
  })

  test('two numbers that would have one are told apart', async () => {
    const values = { '+49 30 901820': 'PHONE', '+4930901820': 'PHONE' }
    const segments = [said(0, Object.keys(values).join(' or '))]
    const findings = foundIn(segments, values)
    const { texts, filter } = await redacted({ segments, findings, params: { types: { PHONE: 'surrogate' } } })
    expect(texts[0]).toMatch(/^\+1 202 555 0100 or PHONE_1B_[0-9a-z]{4}$/)
    expect(restored(filter, texts[0] ?? '')).toBe(segments[0]?.text)
  })

  test('in the middle of a word stands a token, since a surrogate would not come back', async () => {
    const segments = [said(0, 'on1987-03-12, 1987-03-12')]
    const findings = foundIn(segments, { '1987-03-12': 'DATE' })
    const { texts, filter } = await redacted({ segments, findings, params: { types: { DATE: 'surrogate' } } })
    expect(texts[0]).toMatch(/^onDATE_1[A-Z]*_[0-9a-z]{4}, \d{4}-\d\d-\d\d$/)
    expect(restored(filter, texts[0] ?? '')).toBe(segments[0]?.text)
  })

  test('a date may be where another was, since that one has moved too', async () => {
    const params = { types: { DATE: 'surrogate' } }
    const of = async (dates: readonly string[]) => {
      const segments = dates.map((date, i) => said(i, date))
      const findings = foundIn(segments, Object.fromEntries(dates.map((date) => [date, 'DATE'])))
      const { texts, filter } = await redacted({ segments, findings, params })
      expect(texts.map((text) => restored(filter, text))).toEqual(dates)
      return texts
    }
    const [moved = ''] = await of(['1987-03-12'])
    const [first, second] = await of(['1987-03-12', moved])
    expect(first).toBe(moved)
    expect(second).toMatch(/^\d{4}-\d\d-\d\d$/)
    expect(Date.parse(second ?? '') - Date.parse(moved)).toBe(Date.parse(moved) - Date.parse('1987-03-12'))
  })

  test('day and month never change places', async () => {
    const value = '25/12/2020'
    for (let tenant = 0; tenant < 60; tenant++) {
      const segments = [said(0, value)]
      const findings = foundIn(segments, { [value]: 'DATE' })
      const params = { types: { DATE: 'surrogate' } }
      const [text = ''] = (await redacted({ segments, findings, tenant: `t${tenant}`, params })).texts
      const [day = 0, month = 0, year = 0] = text.split('/').map(Number)
      if (text.startsWith('DATE_1_')) continue
      expect(day > 12 || day === month).toBe(true)
      const days = (Date.UTC(year, month - 1, day) - Date.UTC(2020, 11, 25)) / 86_400_000
      expect(Math.abs(days) % 7).toBe(0)
      expect(Math.abs(days)).toBeLessThan(366)
    }
  })
})
