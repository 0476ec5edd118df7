import { existsSync, readFileSync } from 'node:fs'
import { resolve as absolute, join } from 'node:path'
import fc from 'fast-check'
import { checkSync } from 'recheck'
import { describe, expect, test } from 'vitest'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { CODE_PATTERNS } from '../../plugins/redaction/detect/numbers/codes.ts'
import { NUMBERS } from '../../plugins/redaction/detect/numbers/index.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { resolve } from '../../plugins/redaction/resolve.ts'

/** What is taken out of a text: types and values, in order. */
function found(text: string, key: string | null = null): readonly string[] {
  const spans: Span[] = []
  NUMBERS.scan({ text, tokens: tokensOf(text), hints: { key, role: 'user', channel: 'text' } }, spans)
  return resolve(
    spans.filter(({ score, type }) => score >= 0.5 && type !== 'HEALTH'),
    text,
  ).map(({ start, end, type }) => `${type} ${text.slice(start, end)}`)
}

/** Appends the digit that makes the Luhn sum, over `before` and the number, a multiple of ten. */
function luhn(number: string, before = ''): string {
  for (let digit = 0; digit < 10; digit++) {
    const all = `${before}${number}${digit}`
    let sum = 0
    for (let i = 0; i < all.length; i++) {
      const value = Number(all[all.length - 1 - i])
      sum += i % 2 === 0 ? value : value > 4 ? value * 2 - 9 : value * 2
    }
    if (sum % 10 === 0) return `${number}${digit}`
  }
  throw new Error('no digit fits')
}

const numeric = (code: string): string => [...code].map((unit) => String(Number.parseInt(unit, 36))).join('')
const iban = (country: string, account: string): string =>
  `${country}${String(98n - (BigInt(numeric(`${account}${country}00`)) % 97n)).padStart(2, '0')}${account}`
const lei = (stem: string): string => `${stem}${String(98n - (BigInt(numeric(`${stem}00`)) % 97n)).padStart(2, '0')}`
const isin = (stem: string): string => `${stem}${luhn(numeric(stem)).at(-1)}`

/** Appends the digit for which a check holds. */
const completed = (stem: string, holds: (digits: readonly number[]) => boolean): string => {
  for (let digit = 0; digit < 10; digit++) if (holds([...stem, String(digit)].map(Number))) return `${stem}${digit}`
  return ''
}
const sum = (digits: readonly number[], weights: readonly number[]): number =>
  weights.reduce((total, weight, i) => total + weight * (digits[i] ?? 0), 0)
const routing = (stem: string): string =>
  completed(stem, (digits) => sum(digits, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0)
const nhs = (stem: string): string =>
  completed(stem, (digits) => sum(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0)
const dea = (letters: string, stem: string): string =>
  `${letters}${completed(stem, (digits) => sum(digits, [1, 2, 1, 2, 1, 2]) % 10 === digits[6])}`

const VISA = luhn('400012345678901')
const fours = (number: string, mark: string): string => number.match(/.{1,4}/g)?.join(mark) ?? ''

describe('values behind labels, and numbers that prove themselves', () => {
  test.each<readonly [text: string, expected: readonly string[]]>([
    [`Pay with ${fours(VISA, ' ')} please`, [`CREDIT_CARD ${fours(VISA, ' ')}`]],
    [`(${fours(VISA, '-')}).`, [`CREDIT_CARD ${fours(VISA, '-')}`]],
    ['card 4532-1234-5678-9012', ['CREDIT_CARD 4532-1234-5678-9012']],
    [`Card ${VISA} exp 04/27 CVV 123, PIN: 4821`, [`CREDIT_CARD ${VISA}`, 'DATE 04/27', 'CVV 123', 'PIN 4821']],
    [`%B${VISA}^DOE/JOHN^27041010000000000000?`, [`TRACK %B${VISA}^DOE/JOHN^27041010000000000000?`]],
    [`;${VISA}=27041010000012300000?`, [`TRACK ;${VISA}=27041010000012300000?`]],
    [
      'Wire to account number 000123456789, routing number 021000021.',
      ['US_ACCOUNT 000123456789', 'ABA_ROUTING 021000021'],
    ],
    ['Mi número de cuenta es 0012345678', ['US_ACCOUNT 0012345678']],
    ['Kontonummer: 1234567', ['US_ACCOUNT 1234567']],
    ['sort code 12-34-56 account 12345678', ['UK_SORT_CODE 12-34-56', 'US_ACCOUNT 12345678']],
    ['IBAN: de89 3704 0044 0532 0130 00, BIC COBADEFFXXX', ['IBAN de89 3704 0044 0532 0130 00', 'BIC COBADEFFXXX']],
    ['SWIFT code DEUTDEFF500', ['BIC DEUTDEFF500']],
    ['My SSN is 123-45-6789', ['SSN 123-45-6789']],
    ['his social is 123 45 6789', ['SSN 123 45 6789']],
    ['the form says 123-45-6789 here', ['SSN 123-45-6789']],
    ['ssn 123456789', ['SSN 123456789']],
    ['My SSN is 987-65-4321', ['SSN 987-65-4321']],
    ['ITIN 912-70-1234; EIN 12-3456789', ['ITIN 912-70-1234', 'EIN 12-3456789']],
    ['NI number AB 12 34 56 C', ['NINO AB 12 34 56 C']],
    ['NPI 1234567893, DEA AB1234563', ['NPI 1234567893', 'DEA AB1234563']],
    ['NHS number 943 476 5919', ['NHS 943 476 5919']],
    ['Patient 1EG4-TE5-MK73 came', ['MBI 1EG4-TE5-MK73']],
    ['(MRN: 00123456) chart # A-99213; patient ID PT-0099-12', ['MRN 00123456', 'MRN A-99213', 'MRN PT-0099-12']],
    ['Medical Record Number is 7781234 for John', ['MRN 7781234']],
    [
      'Historia clínica nº 334455; NHC: 123456. NASS: 28 12345678 40.',
      ['MRN 334455', 'MRN 123456', 'ID 28 12345678 40'],
    ],
    ['Patientennummer 4455667', ['MRN 4455667']],
    ['Numéro de dossier : 88-12345', ['MRN 88-12345']],
    [
      'Member ID: W12345678 Group Number: 0081234-01 Policy #HG-7788-221',
      ['ID W12345678', 'ID 0081234-01', 'ID HG-7788-221'],
    ],
    ['claim #2024-CLM-88123 and case no. 24-CV-01234', ['ID 2024-CLM-88123', 'ID 24-CV-01234']],
    ['mi DNI es 12345678Z', ['ID 12345678Z']],
    ['Group #: 77812, employee # E-10442, Rx# 7712345', ['ID 77812', 'ID E-10442', 'ID 7712345']],
    ['Customer reference CUST-0099187, insurance Blue Cross id R55120984', ['ID CUST-0099187', 'ID R55120984']],
    ['Policennummer AB 123456', ['ID AB 123456']],
    ['MRN1234567 and SSN123456789', ['MRN 1234567', 'SSN 123456789']],
    ['VIN 1HGCM82633A004352', ['VIN 1HGCM82633A004352']],
    ['Kennzeichen M-AB 1234, Reisepass C01X00T47', ['PLATE M-AB 1234', 'PASSPORT C01X00T47']],
    ['License plate: 7ABC123', ['PLATE 7ABC123']],
    ['plaque AB-123-CD, passeport 12AB34567', ['PLATE AB-123-CD', 'PASSPORT 12AB34567']],
    ["My driver's license number is A56319335", ['DRIVER_LICENSE A56319335']],
    ['IMEI 490154203237518 serial number SN-AB12-99812', ['IMEI 490154203237518', 'DEVICE SN-AB12-99812']],
    ['ISIN US0378331005 CUSIP 037833100', ['ISIN US0378331005', 'CUSIP 037833100']],
    ['{"patientMrn": "12345678", "member_id": "XWZ123456789"}', ['MRN 12345678', 'ID XWZ123456789']],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected)
  })

  test.each<readonly [key: string, value: string, type: string]>([
    ['ssn', '123456789', 'SSN'],
    ['patientMrn', '987654', 'MRN'],
    ['patient_medical_record_number', '00-1234', 'MRN'],
    ['cvv', '123', 'CVV'],
    ['routingNumber', '021000021', 'ABA_ROUTING'],
    ['bank_account_number', '12345678', 'US_ACCOUNT'],
    ['memberID', 'QX-12345', 'ID'],
    ['passportNumber', 'X1234567', 'PASSPORT'],
    ['numeroDeCuenta', '12345678', 'US_ACCOUNT'],
  ])('the member name %s is a label', (key, value, type) => {
    expect(found(value, key)).toEqual([`${type} ${value}`])
  })

  test.each([
    'My account ending in 4321 was charged $1,234.56 on 2024-03-05',
    'Order number 123456789, tracking 1Z999AA10123456784, invoice 2024-00123, version 1.2.345678',
    'Revenue grew 12.5% to $4,500,000,000 in 2023, vs 3,200,000,000 in 2022',
    'Timestamp 1732471200, epoch 1732471200123, build 20241124, phone 415-555-0132, +1 (415) 555-0132',
    'Diagnosis E11.9 and I10, CPT 99213, ICD-10 code F32.1',
    'uuid 550e8400-e29b-41d4-a716-446655440000 commit 4f5e6d7c8b9a0f1e2d3c',
    'The account was opened in 2019 with 15000 dollars',
    'DOCUMENT CUSTOMER PASSWORD',
    '0.30000000000000004 and 3.14159265358979 pages 123-456',
    '192.168.100.200 10.0.0.1 2024.11.24',
    'creatinina 1,1 mg/dl (60-100), testosterona 588 ng/dl (270-1734)',
    'The parcel weighs 123456789 grams',
    'as RFC 9110 says',
    'de 10 mm aproximadamente y presencia de células',
  ])('nothing is taken out of: %s', (text) => {
    expect(found(text)).toEqual([])
  })

  test.each<readonly [key: string, value: string]>([
    ['orderId', '123456789'],
    ['created', '1732471200'],
    ['total', '1234567890'],
    ['id', '987654321'],
  ])('a number under the member name %s is left alone', (key, value) => {
    expect(found(value, key)).toEqual([])
  })
})

const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`))
const BLANKS = fc.constantFrom('', ' ', '-')
const varied = (text: string): boolean => new Set(text.slice(0, -1)).size > 2
/** Changes one digit by an amount that check digits of a single place see. */
const mistyped = (value: string, at: number, by: number): string => {
  const places = [...value].flatMap((unit, i) => (/\d/.test(unit) ? [i] : []))
  const place = places[at % places.length] ?? 0
  return value.slice(0, place) + ((Number(value[place]) + by) % 10) + value.slice(place + 1)
}

const cards = fc
  .tuple(
    fc.constantFrom(
      ['4', 16],
      ['51', 16],
      ['2221', 16],
      ['2720', 16],
      ['34', 15],
      ['3530', 16],
      ['6011', 16],
      ['622126', 19],
      ['62', 16],
    ) as fc.Arbitrary<[string, number]>,
    digits(19),
    BLANKS,
  )
  .map(([[prefix, length], rest, mark]) => ({ plain: luhn((prefix + rest).slice(0, length - 1)), mark }))
  .map(({ plain, mark }) =>
    plain.length === 15 ? [plain.slice(0, 4), plain.slice(4, 10), plain.slice(10)].join(mark) : fours(plain, mark),
  )
const ibans = fc
  .oneof(
    digits(18).map((account) => iban('DE', account)),
    fc.tuple(fc.stringMatching(/^[A-Z]{4}$/), digits(14)).map(([bank, account]) => iban('GB', bank + account)),
    fc.tuple(fc.stringMatching(/^[A-Z]{4}$/), digits(10)).map(([bank, account]) => iban('NL', bank + account)),
    digits(22).map((account) => iban('HU', `${account}00`)),
  )
  .chain((code) => fc.constantFrom(code, fours(code, ' '), fours(code, '-'), code.toLowerCase()))

/** Type, label that it needs, values. */
const PROVED: readonly (readonly [type: string, label: string, values: fc.Arbitrary<string>])[] = [
  ['CREDIT_CARD', '', cards.filter(varied)],
  ['IBAN', '', ibans],
  [
    'ABA_ROUTING',
    'routing ',
    digits(6)
      .map((rest) => routing(`02${rest}`))
      .filter(varied),
  ],
  [
    'NPI',
    'NPI ',
    digits(8)
      .map((rest) => luhn(`1${rest}`, '80840'))
      .filter(varied),
  ],
  [
    'NHS',
    'NHS no. ',
    digits(9)
      .map(nhs)
      .filter((code) => code !== '' && varied(code)),
  ],
  ['DEA', 'DEA ', fc.tuple(fc.stringMatching(/^[ABFM][A-Z]$/), digits(6)).map(([letters, stem]) => dea(letters, stem))],
  ['ISIN', '', digits(9).map((rest) => isin(`US${rest}`))],
  [
    'LEI',
    '',
    fc
      .tuple(digits(6), fc.stringMatching(/^[A-Z0-9]{12}$/))
      .map(([head, tail]) => lei(head + tail))
      .filter((code) => /[A-Z]/.test(code)),
  ],
]

describe('labels that are not right in front', () => {
  test.each<readonly [text: string, expected: readonly string[]]>([
    // Behind the value.
    ['QX-481202 is my member ID', ['ID QX-481202']],
    ['481-20-277 (MRN)', ['MRN 481-20-277']],
    ['88120417334 ist meine Versichertennummer', ['ID 88120417334']],
    ['4812027 is fine, MRN: 7781204', ['MRN 7781204']],
    ['4812027 is my order number', []],
    // Further off in its sentence.
    ['The medical record number that we have on file for this customer is 7781204.', ['MRN 7781204']],
    ['Policy number, as it is printed on the back of the form: XQ-8812044', ['ID XQ-8812044']],
    ["what's my policy number? i think 18040084794 but not sure", ['ID 18040084794']],
    ['numéro de dossier given as 7781204', ['MRN 7781204']],
    ['passport\n  ↳ X1591335', ['PASSPORT X1591335']],
    ['The account is overdue and the total is 1204501', []],
    ['The account was closed. The answer is 1204501', []],
    ['Your policy is that 100000 requests are allowed', []],
    ['license fees are 250000 a year', []],
    ['The account 7781204411 has a balance of which the rest is 1204501', ['US_ACCOUNT 7781204411']],
    // At the head of the column.
    ['name,chart number,amount\nx,681-57-089,1200\ny,582-56-948,90', ['MRN 681-57-089', 'MRN 582-56-948']],
    ['name\tmember id\namount\nx\t88120417334\n', []],
    ['name\tmember id\nx\t88120417334\n', ['ID 88120417334']],
    ['| Who | MRN |\n|---|---|\n| Jo | 7781204 |\n| Al | 7781205 |', ['MRN 7781204', 'MRN 7781205']],
    ['Table 100:\nline 10,chart number\n17,681-57-089\n18,582-56-948', ['MRN 681-57-089', 'MRN 582-56-948']],
    ['id,qty\n17,120045', []],
    ['We sold, by member id,\nin June, 120045', []],
    // Polish.
    ['numer polisy: AB6132-32', ['ID AB6132-32']],
    ['numer paszportu X1591335', ['PASSPORT X1591335']],
    ['prawo jazdy: A2956989', ['DRIVER_LICENSE A2956989']],
    // What a longer label says goes before what its end says.
    ['employer identification number 82-7906621', ['EIN 82-7906621']],
    ['record no. MG-486158', ['MRN MG-486158']],
    ['sort code 97-56-29, 1200', ['UK_SORT_CODE 97-56-29']],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected)
  })
})

describe('separators that numbers seldom have', () => {
  const MARKS = [' - ', '/', '_', ' . ', '–', '\n', '·', ' / ', ',', ' – ', '--', '\n  ']
  test.each(MARKS)('a card, an SSN and an NHS number with %j', (mark) => {
    const card = fours(VISA, mark)
    expect(found(`my card is ${card} thanks`)).toEqual([`CREDIT_CARD ${card}`])
    const ssn = ['219', '44', '1234'].join(mark)
    expect(found(`ssn ${ssn} thanks`)).toEqual([`SSN ${ssn}`])
    const number = nhs('943476591').replace(/^(...)(...)/, `$1${mark}$2${mark}`)
    if (number.length <= 16) expect(found(`NHS number ${number} thanks`)).toEqual([`NHS ${number}`])
    // Without a label a checksum that proves it is asked for, and one number a line is a list.
    expect(found(`${card} thanks`)).toEqual(mark.includes('\n') ? [] : [`CREDIT_CARD ${card}`])
    expect(found(`so ${ssn} thanks`)).toEqual([])
  })

  test.each([' - ', '/', '_', '\t', '·', '\n', ', ', '. '])('an IBAN with %j', (mark) => {
    const account = fours(iban('DE', '370400440532013000'), mark)
    expect(found(`pay to ${account} now`)).toEqual([`IBAN ${account}`])
  })

  test.each([
    ['**', '** **', '**'],
    ['<b>', '</b> <b>', '</b>'],
    ['<td>', '</td><td>', '</td>'],
    ['<span>', '</span><span>', '</span>'],
  ])('a card in emphasis and tags: %s', (open, between, close) => {
    const card = fours(VISA, between)
    expect(found(`card ${open}${card}${close} ok`)).toEqual([`CREDIT_CARD ${card}`])
  })

  test.each([
    ['card:', 'exp0128cvv837'],
    ['order', 'x'],
  ])('a card with letters at it: %s', (before, behind) => {
    expect(found(`${before}${VISA}${behind} ok`)).toEqual([`CREDIT_CARD ${VISA}`])
    expect(found(`${before}${mistyped(VISA, 15, 1)}${behind} ok`)).not.toContain(`CREDIT_CARD ${mistyped(VISA, 15, 1)}`)
  })

  test('digit by digit', () => {
    const card = [...VISA].join(' ')
    expect(found(`card ${card}.`)).toEqual([`CREDIT_CARD ${card}`])
  })

  test('a row that is broken once is one number', () => {
    const card = fours(VISA, ' ').replace(/^(.{9}) /, '$1\n')
    expect(found(`wrapped ${card} here`)).toEqual([`CREDIT_CARD ${card}`])
  })
})

describe('check digits', () => {
  test('an ISIN is of a country, or of one of those that have none', () => {
    const codes = ['US', 'XS', 'EU', 'UH', 'XY'].map((prefix) => isin(`${prefix}481202773`))
    expect(codes.map((code) => found(`${code} is up`))).toEqual(
      codes.map((code, at) => (at < 3 ? [`ISIN ${code}`] : [])),
    )
  })

  test.each(PROVED)('every valid %s is found, exactly', (type, label, values) => {
    fc.assert(
      fc.property(values, (value) => {
        expect(found(`Please note ${label}${value}, as agreed.`)).toEqual([`${type} ${value}`])
      }),
      { numRuns: 300 },
    )
  })

  test.each(PROVED.filter(([type]) => type !== 'LEI'))(
    'a mistyped %s is none without its label',
    (type, _label, values) => {
      fc.assert(
        fc.property(values, fc.nat(40), fc.integer({ min: 1, max: 9 }), (value, at, by) => {
          const wrong = mistyped(value, at, by)
          fc.pre(wrong !== value)
          // Twice five is ten: the check digit of a DEA number does not see it.
          fc.pre(type !== 'DEA' || by !== 5)
          expect(found(`Please note ${wrong}, as agreed.`)).not.toContain(`${type} ${wrong}`)
        }),
        { numRuns: 300 },
      )
    },
  )

  test('an area, group or serial that was never given out is no SSN', () => {
    for (const wrong of ['000-12-3456', '666-12-3456', '912-34-5678', '123-00-4567', '123-45-0000', '078-05-1120'])
      expect(found(`Please note ${wrong}, as agreed.`)).toEqual([])
  })
})

test('whatever the text, spans lie in it, in bounds, and scores in 0..1', () => {
  const pieces = fc.constantFrom(
    'SSN',
    'mrn',
    ':',
    ' ',
    '-',
    '.',
    '4012',
    '8888',
    '123',
    '45',
    '6789',
    'DE89',
    'AB',
    '\n',
    '$',
    '%',
    'é',
    '😀',
    '/',
    'x',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      const text = parts.join('')
      const spans: Span[] = []
      NUMBERS.scan({ text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } }, spans)
      for (const { start, end, type, score } of spans) {
        expect(start).toBeGreaterThanOrEqual(0)
        expect(end).toBeGreaterThan(start)
        expect(end).toBeLessThanOrEqual(text.length)
        expect(score > 0 && score <= 1).toBe(true)
        expect(NUMBERS.finds).toContain(type)
        expect(/^\s|\s$/.test(text.slice(start, end))).toBe(false)
      }
    }),
    { numRuns: 1000 },
  )
})

test.each(CODE_PATTERNS.map((pattern) => [pattern.source, pattern] as const))('is linear: %s', (_source, pattern) => {
  expect(checkSync(pattern.source, pattern.flags, { timeout: 5000 }).status).not.toBe('vulnerable')
})

const LABELLED = process.env.CUSTOMHOUSE_PII ?? absolute(import.meta.dirname, '../../../shared/pii')
const CASES = join(LABELLED, 'presidio_generated_large.jsonl')
type Labelled = Readonly<{ text: string; spans: readonly Readonly<{ start: number; end: number; type: string }>[] }>

const here = existsSync(CASES)
if (!here) console.log('skipped: no labelled text here (CUSTOMHOUSE_PII names its folder)')

test.skipIf(!here)(
  'cards, social security numbers and IBANs of labelled English text: precision and recall at least 99 %',
  () => {
    const types = new Set(['CREDIT_CARD', 'SSN', 'IBAN'])
    let wanted = 0
    let right = 0
    let taken = 0
    for (const line of readFileSync(CASES, 'utf8').trim().split('\n')) {
      const { text, spans } = JSON.parse(line) as Labelled
      const want = spans.filter(({ type }) => types.has(type)).map((s) => `${s.type} ${text.slice(s.start, s.end)}`)
      const have = found(text).filter((entry) => types.has(entry.slice(0, entry.indexOf(' '))))
      wanted += want.length
      taken += have.length
      right += have.filter((entry) => want.includes(entry)).length
    }
    expect(wanted).toBeGreaterThan(200)
    expect(right / wanted).toBeGreaterThanOrEqual(0.99)
    expect(right / taken).toBeGreaterThanOrEqual(0.99)
  },
)
