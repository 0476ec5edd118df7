import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyTo, type Replacement, type View, viewsOf } from '../../plugins/redaction/view/index.ts'

function edited(text: string, edits: readonly Replacement[]): string {
  let out = ''
  let at = 0
  for (const edit of edits) {
    expect(edit.start).toBeGreaterThanOrEqual(at)
    expect(edit.end).toBeLessThanOrEqual(text.length)
    out += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return out + text.slice(at)
}

function find(
  text: string,
  json: boolean,
  needle: string,
): Readonly<{ view: View; start: number; end: number }> | null {
  for (const view of viewsOf(text, json)) {
    const at = view.text.indexOf(needle)
    if (at >= 0) return { view, ...view.locate(at, at + needle.length) }
  }
  return null
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const hex = (text: string) => Buffer.from(text).toString('hex')

describe('a view', () => {
  it.each<[name: string, text: string, json: boolean, views: readonly string[]]>([
    ['plain text is itself', 'Call 555-0100.', false, ['Call 555-0100.']],
    ['accented letters stay', 'José Müller, Straße', false, ['José Müller, Straße']],
    ['what shows nothing', 'a\u200bb\u00adc\u2060d\u202ee\ufe0ff', false, ['abcdef']],
    ['tags are left out', 'a\u{e0041}\u{e0042}b', false, ['ab']],
    [
      'what is said in tags',
      `Hi${[...'SSN 1'].map((one) => String.fromCodePoint(0xe0000 + one.charCodeAt(0))).join('')} all`,
      false,
      ['Hi all', 'SSN 1'],
    ],
    ['full width', '４１１１－１１１１ ＠ｘ．ｃｏｍ', false, ['4111-1111 @x.com']],
    ['mathematical letters and digits', '𝐉𝐨𝐡𝐧 𝟜𝟙𝟙𝟙', false, ['John 4111']],
    ['circled, bracketed and boxed', '①⑪⑴⓿❹🅰🅱🄲', false, ['11110' + '4ABC']],
    ['Arabic-Indic, Persian, Devanagari, Chakma', '٤۱१\u{11137}', false, ['4111']],
    ['dashes, blanks, quotes', '1‐2–3—4−5\u00a06\u20097\u30008 ‘a’ “b”', false, ['1-2-3-4-5 6 7 8 \'a\' "b"']],
    ['a letter and its mark', 'Jose\u0301 Nun\u0303ez', false, ['José Nuñez']],
    ['marks stacked on digits', '4\u0336\u03361\u03321\u20dd1\ufe0f\u20e3', false, ['4111']],
    ['marks that a script needs', 'नमस्ते', false, ['नमस्ते']],
    ['look-alikes in a mixed word', 'јоhn@ехаmple.com', false, ['john@example.com']],
    ['a word that is wholly Cyrillic', 'Иван Петров', false, ['Иван Петров']],
    ['a Cyrillic word with a Latin letter in it', 'Cкорый', false, ['Cкорый']],
    ['references', '&#52;&#x31;1&amp;#49; a&commat;b&period;com &nosuch; &', false, ['4111 a@b.com &nosuch; &']],
    ['JSON', '{"a":"\\u0034\\u00311\\"\\n\\\\u0041"}', true, ['{"a":"411"\nA"}']],
    [
      'numbers of JSON with an exponent',
      '{"n":4.111111111111111e15,"m":1e3}',
      true,
      ['{"n":4111111111111111,"m":1e3}'],
    ],
    ['escapes in plain text', '\\u0034\\\\u0031\\x31\\u{31}', false, ['4111']],
    ['a path of Windows', 'in C:\\new\\temp and \\\\nas\\tom', false, ['in C:\\new\\temp and \\\\nas\\tom']],
    ['percent', 'q=user%40example%2Ecom', false, ['q=user@example.com', 'q=user@example.com'].slice(0, 1)],
    ['percent twice', 'user%2540example.com', false, ['user@example.com']],
    ['percent with blanks', 'n=John%20Smith', false, ['n=John Smith']],
    [
      'percent with blanks in an address',
      'see http://x.org/John%20Smith',
      false,
      ['see http://x.org/John%20Smith', 'http://x.org/John Smith'],
    ],
    ['no percent', 'up 5%, 100% sure, 50%zz', false, ['up 5%, 100% sure, 50%zz']],
    ['quoted-printable', 'Jos=C3=A9 =34=31=31 a=\r\nb', false, ['José 411 ab']],
    ['equations', 'zip=90210 x=4', false, ['zip=90210 x=4']],
    ['base64', `x ${base64('SSN 123-45-6789')} y`, false, [`x ${base64('SSN 123-45-6789')} y`, 'x SSN 123-45-6789']],
    ['base64 of letters beyond ASCII', base64('Zoë Müller ok'), false, [base64('Zoë Müller ok'), 'Zoë Müller ok']],
    ['hex', hex('123-45-6789'), false, [hex('123-45-6789'), '123-45-6789']],
    [
      'a JSON web token',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln',
      false,
      ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln'],
    ],
    [
      'base64 of no text',
      `${Buffer.from([0, 255, 1, 254, 9, 200, 7, 8, 9, 1, 2, 3, 4, 5]).toString('base64')} ok`,
      false,
      ['AP8B/gnIBwgJAQIDBAU= ok'],
    ],
    [
      'long words',
      'internationalization electroencephalographically',
      false,
      ['internationalization electroencephalographically'],
    ],
  ])('%s', (_name, text, json, views) => {
    expect(viewsOf(text, json).map((view) => view.text)).toEqual(views)
  })

  it('reads runs of one kind in one view, apart, each behind its label', () => {
    const text = `card ${base64('4111 1111 1111 1111')}\nand SSN ${base64('it is 536-22-1874')} ok`
    expect(viewsOf(text, false).map((view) => view.text)).toEqual([
      text,
      'card 4111 1111 1111 1111\n\nand SSN it is 536-22-1874',
    ])
  })

  it('reads what is carried two deep', () => {
    const text = base64(base64('SSN 123-45-6789'))
    expect(viewsOf(text, false).map((view) => view.text)).toContain('SSN 123-45-6789')
  })

  it('reads base64 in lines of 76', () => {
    const plain =
      'The patient, John Smith, card 4111 1111 1111 1111, was seen on the ward and then sent home again in good health.'
    const text = `Content:\r\n\r\n${base64(plain).replace(/(.{76})/g, '$1\r\n')}\r\n--end`
    const found = find(text, false, '4111 1111 1111 1111')
    expect(found?.view.kind).toBe('base64')
    const out = edited(text, applyTo(text, false, [{ start: found?.start ?? 0, end: found?.end ?? 0, text: 'CARD' }]))
    expect(find(out, false, 'card CARD, was')).not.toBeNull()
    expect(out.startsWith('Content:\r\n\r\n') && out.endsWith('\r\n--end')).toBe(true)
  })
})

/** What must never be parted, between letters that join nothing. */
const ATOMS = [
  '\\u0041',
  '\\\\u0031',
  '&#52;',
  '&eacute;',
  '%41',
  '%C3%A9',
  '😀',
  '𝟜',
  'e\u0301',
  'q\u0336\u0301',
  'क\u093f\u0301',
  '4\ufe0f\u20e3',
  'ﬁ',
  'ﬃ\u0301',
  '\\ud83d\\ude00',
  '&#x1F600;',
] as const
const fragment = fc.oneof(
  fc.constantFrom(...ATOMS).map((text) => ({ text: `k${text}z `, atom: text as string })),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => ({ text, atom: '' })),
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => ({ text, atom: '' })),
  fc
    .string({ unit: 'grapheme', minLength: 12, maxLength: 24 })
    .map((text) => ({ text: ` ${base64(text)} `, atom: '' })),
  fc.string({ unit: 'grapheme', minLength: 12, maxLength: 24 }).map((text) => ({ text: ` ${hex(text)} `, atom: '' })),
  fc
    .constantFrom(
      '\u{e0053}\u{e0053}\u{e004e}\u{e0031}',
      '{"a":"',
      '"}',
      '\\',
      '%',
      '&',
      '=',
      '\ud83d',
      '\ude00',
      '\u0301',
      '\u200b',
      'аb',
      ' ',
    )
    .map((text) => ({ text, atom: '' })),
)

describe('locate', () => {
  it('is monotonic, within bounds, and parts nothing, of any text and any range', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 8 }), fc.boolean(), fc.nat(), fc.nat(), (fragments, json, a, b) => {
        const text = fragments.map((one) => one.text).join('')
        for (const view of viewsOf(text, json)) {
          const [start, end] = [a % (view.text.length + 1), b % (view.text.length + 1)].sort((x, y) => x - y) as [
            number,
            number,
          ]
          const range = view.locate(start, end)
          expect(range.start).toBeGreaterThanOrEqual(0)
          expect(range.end).toBeLessThanOrEqual(text.length)
          expect(range.end).toBeGreaterThanOrEqual(range.start + (end > start ? 1 : 0))
          if (start < view.text.length && end > start) {
            expect(view.locate(start + 1, end + 1).start).toBeGreaterThanOrEqual(range.start)
            expect(view.locate(start, end + 1).end).toBeGreaterThanOrEqual(range.end)
          }
          for (const edge of end > start ? [range.start, range.end] : [range.start]) {
            const before = text.charCodeAt(edge - 1)
            const after = text.charCodeAt(edge)
            expect(before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000, 'half a pair').toBe(false)
            if (edge > 0) expect(/^\p{M}/u.test(text.slice(edge, edge + 2)), 'a mark without its letter').toBe(false)
          }
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('takes the marks on the last tag character along', () => {
    const text = `${[...'pin 1234'].map((one) => String.fromCodePoint(0xe0000 + one.charCodeAt(0))).join('')}\u0301x`
    const view = viewsOf(text, false).find(({ kind }) => kind === 'tags')
    expect(view?.locate(0, view.text.length)).toEqual({ start: 0, end: text.length - 1 })
  })

  it('never gives a part of an escape, a pair or a letter with its marks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ATOMS), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        (atoms, a, b) => {
          const text = atoms.map((atom) => `k${atom}z`).join(' ')
          const view = viewsOf(text, false)[0]
          if (view === undefined) throw new Error('a text has a main view')
          const [start, end] = [a % view.text.length, b % view.text.length].sort((x, y) => x - y) as [number, number]
          const range = view.locate(start, end + 1)
          let at = 0
          for (const atom of atoms) {
            for (const edge of [range.start, range.end])
              expect(edge > at + 1 && edge < at + 1 + atom.length).toBe(false)
            at += atom.length + 3
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is the range itself where nothing is normalised', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abc XYZ 019 .,;:é') }), fc.nat(), fc.nat(), (text, a, b) => {
        const view = viewsOf(text, false)[0]
        const [start, end] = [a % (text.length + 1), b % (text.length + 1)].sort((x, y) => x - y) as [number, number]
        expect(view?.text).toBe(text)
        expect(view?.locate(start, end)).toEqual({ start, end })
      }),
    )
  })
})

type Writing = Readonly<{ name: string; write: (text: string) => string; read: (text: string) => string; json?: true }>

/** Ways to write a text, each with the decoder of somebody else. */
const WRITINGS: readonly Writing[] = [
  { name: 'base64', write: base64, read: (text) => Buffer.from(text, 'base64').toString() },
  {
    name: 'base64url',
    write: (text) => Buffer.from(text).toString('base64url'),
    read: (text) => Buffer.from(text, 'base64url').toString(),
  },
  { name: 'hex', write: hex, read: (text) => Buffer.from(text, 'hex').toString() },
  { name: 'percent', write: encodeURIComponent, read: decodeURIComponent },
  {
    name: 'json',
    json: true,
    write: (text) => JSON.stringify({ id: 7, note: text }),
    read: (text) => {
      const value: unknown = JSON.parse(text)
      return typeof value === 'object' && value !== null && 'note' in value ? String(value.note) : ''
    },
  },
  {
    name: 'html',
    write: (text) => [...text].map((one) => `&#${one.codePointAt(0)};`).join(''),
    read: (text) => text.replace(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code))),
  },
]

describe('applyTo', () => {
  const plain = (secret: string) => `The number of the file is ${secret} as we said`
  const inner = WRITINGS.filter((one) => one.name !== 'percent' && one.name !== 'html')
  const cases = WRITINGS.flatMap((outer) => [[outer] as const, ...inner.map((one) => [outer, one] as const)])

  it.each(cases.map((writings) => [writings.map((one) => one.name).join(' of '), writings] as const))(
    '%s decodes to the redacted text, whatever the replacement',
    (_name, writings) => {
      fc.assert(
        fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (replacement) => {
          const secret = 'QX-4417-JZ'
          const text = writings.reduceRight((text, one) => one.write(text), plain(secret))
          const json = writings[0].json === true
          const found = find(text, json, secret)
          if (found === null) throw new Error(`not found in ${text}`)
          const out = edited(text, applyTo(text, json, [{ start: found.start, end: found.end, text: replacement }]))
          expect(writings.reduce((text, one) => one.read(text), out)).toBe(plain(replacement))
        }),
        { numRuns: 40 },
      )
    },
  )

  it('makes edits in order and apart, each within what it was asked or the run around it, of any text and any spans', () => {
    const spans = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 12 }), fc.string({ maxLength: 5 })), { maxLength: 5 })
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 8 }), fc.boolean(), spans, (fragments, json, wanted) => {
        const text = fragments.map((one) => one.text).join('')
        const views = viewsOf(text, json)
        const asked = wanted.flatMap(([at, length, replacement], i) => {
          const view = views[i % views.length]
          if (view === undefined || view.text.length === 0) return []
          const start = at % view.text.length
          const range = view.locate(start, Math.min(view.text.length, start + 1 + length))
          return [{ ...range, text: replacement }]
        })
        const edits = applyTo(text, json, asked)
        edited(text, edits)
        for (const edit of edits)
          expect(asked.some((span) => span.start < edit.end && edit.start < span.end)).toBe(true)
        if (json || isJson(text)) return
        for (const span of asked)
          for (let i = span.start; i < span.end; i++)
            expect(
              edits.some((edit) => edit.start <= i && i < edit.end),
              `unit ${i} was left`,
            ).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  it('keeps any JSON valid, and changes no other value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ unit: 'grapheme' }),
          fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean()),
        ),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        (others, replacement, asNumber) => {
          const value = {
            ...others,
            secret: asNumber ? 4417_0099_1234 : 'is 441700991234, yes',
            last: { deep: JSON.stringify(others) },
          }
          const text = JSON.stringify(value)
          const start = text.indexOf('441700991234')
          const out = edited(text, applyTo(text, true, [{ start, end: start + 12, text: replacement }]))
          const read: unknown = JSON.parse(out)
          expect(read).toEqual(
            JSON.parse(JSON.stringify({ ...value, secret: asNumber ? replacement : `is ${replacement}, yes` })),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it.each<[name: string, text: string, json: boolean, needle: string, replacement: string, out: string]>([
    ['part of a number', '{"n":12345678901}', true, '345678', 'T', '{"n":"12T901"}'],
    ['a number in JSON in JSON', '{"a":"{\\"n\\":12345}"}', true, '12345', 'T', '{"a":"{\\"n\\":\\"T\\"}"}'],
    [
      'across members',
      '{"street":"1 Main St","city":"Reno"}',
      true,
      '1 Main St","city":"Reno',
      'T',
      '{"street":"T","city":""}',
    ],
    ['a string that has no end', '{"a":"my 12345', true, '12345', '"', '{"a":"my \\"'],
    ['no JSON at all', 'hello John', true, 'John', 'T', 'hello T'],
    ['percent', 'https://x.org/?n=John%20Smith&x=1', false, 'John Smith', 'Ann Lee', 'https://x.org/?n=Ann%20Lee&x=1'],
    ['HTML', '<b>&#74;ohn</b>', false, 'John', '<A>', '<b>&#60;A&#62;</b>'],
    ['upper-case hex', hex('my 123-45-6789').toUpperCase(), false, '123-45-6789', 'Z', hex('my Z').toUpperCase()],
    [
      'a data: URL',
      `data:text/plain;base64,${base64('my 123-45-6789')}`,
      false,
      '123-45-6789',
      'Z',
      `data:text/plain;base64,${base64('my Z')}`,
    ],
  ])('%s', (_name, text, json, needle, replacement, out) => {
    const found = find(text, json, needle)
    if (found === null) throw new Error('not found')
    expect(edited(text, applyTo(text, json, [{ start: found.start, end: found.end, text: replacement }]))).toBe(out)
  })
})

const MAIL = 'ada.zed@lovelace-test.org'
const swapped = (text: string) => Buffer.from(text, 'utf16le').swap16()

describe('bytes that are not UTF-8', () => {
  it.each<[name: string, bytes: (mail: string) => Buffer]>([
    ['Latin-1', (mail) => Buffer.from(`f\xfcr ${mail}`, 'latin1')],
    ['windows-1252', (mail) => Buffer.concat([Buffer.from([0x93]), Buffer.from(`${mail} for `), Buffer.from([0x80])])],
    ['UTF-16 with its mark', (mail) => Buffer.from(`\ufeffПётр, ${mail} 😀 ok`, 'utf16le')],
    ['UTF-16 the other way round', (mail) => swapped(`\ufeffПётр, ${mail} 😀 ok`)],
    ['UTF-16 without its mark', (mail) => Buffer.from(`mail ${mail} ok`, 'utf16le')],
    ['one bad byte at the end', (mail) => Buffer.concat([Buffer.from(`mail ${mail} please`), Buffer.from([0xff])])],
  ])('%s: is read, and edited in the same charset', (_name, bytes) => {
    for (const encoding of ['base64', 'hex'] as const) {
      for (const lead of ['decode ', 'data:text/plain;charset=iso-8859-1;base64,']) {
        const text = lead + bytes(MAIL).toString(encoding)
        const found = find(text, false, MAIL)
        if (found === null) throw new Error(`not found in ${text}`)
        const out = edited(text, applyTo(text, false, [{ start: found.start, end: found.end, text: 'EMAIL_1_k7bc' }]))
        expect(out).toBe(lead + bytes('EMAIL_1_k7bc').toString(encoding))
      }
    }
  })

  it('one bad byte among other scripts: is read, and becomes a letter', () => {
    const text = Buffer.concat([Buffer.from(`Пётр, ${MAIL} `), Buffer.from([0xff])]).toString('base64')
    const found = find(text, false, MAIL)
    if (found === null) throw new Error('not found')
    const out = edited(text, applyTo(text, false, [{ start: found.start, end: found.end, text: 'EMAIL_1_k7bc' }]))
    expect(Buffer.from(out, 'base64').toString()).toBe('Пётр, EMAIL_1_k7bc ÿ')
  })

  it('bytes of no text are never read, of any length', () => {
    // Drawn by the generator's words, not by its small numbers: bytes are as likely as in what is packed or encrypted.
    const noise = fc.tuple(
      fc.integer({ min: 64, max: 4096 }),
      fc.noBias(fc.array(fc.nat({ max: 255 }), { minLength: 4096, maxLength: 4096 })),
    )
    fc.assert(
      fc.property(noise, ([length, numbers]) => {
        const bytes = Buffer.from(numbers.slice(0, length))
        const digits = bytes.toString('hex')
        expect(viewsOf(digits, false)).toHaveLength(1)
        for (const encoding of ['base64', 'base64url'] as const) {
          const text = bytes.toString(encoding)
          for (const view of viewsOf(text, false).slice(1)) {
            const { start, end } = view.locate(0, view.text.length)
            expect(end - start, 'the whole is no text').toBeLessThan(text.length / 2)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('lines of base64', () => {
  const plain = `Contact ${MAIL} please. `.repeat(6)
  it.each([20, 40, 64, 76, 100, 120])('of %i, with an indent or not', (width) => {
    for (const gap of ['\n', '\r\n', '\n  ', '\n\t']) {
      const lines = base64(plain).replace(new RegExp(`(.{${width}})(?=.)`, 'g'), `$1${gap}`)
      const text = `decode${gap}${lines}`
      const view = viewsOf(text, false)[1]
      expect(view?.text.endsWith(plain), gap).toBe(true)
      const at = view?.text.lastIndexOf(MAIL) ?? -1
      const range = view?.locate(at, at + MAIL.length) ?? { start: 0, end: 0 }
      const out = edited(text, applyTo(text, false, [{ ...range, text: 'EMAIL_1_k7bc' }]))
      expect(Buffer.from(out.slice(6), 'base64').toString()).toBe(
        `${plain.slice(0, plain.lastIndexOf(MAIL))}EMAIL_1_k7bc${plain.slice(plain.lastIndexOf(MAIL) + MAIL.length)}`,
      )
    }
  })
})
