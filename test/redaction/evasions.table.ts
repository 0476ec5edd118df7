/** What is planted: its type, a value, and a sentence that it stands in. Every value passes its checksum, and is nobody's. */
export type Planted = Readonly<{ type: string; value: string; before: string; after: string }>

export const PLANTED: readonly Planted[] = [
  { type: 'CREDIT_CARD', value: '4111 1111 1111 1111', before: 'Please charge my card ', after: ' for the trip.' },
  {
    type: 'CREDIT_CARD',
    value: '5555-5555-5555-4444',
    before: 'The card number is ',
    after: ', valid until next year.',
  },
  { type: 'SSN', value: '536-22-1874', before: 'Her SSN is ', after: ' according to the form.' },
  { type: 'EMAIL', value: 'maria.keller@northwind-example.com', before: 'Write to ', after: ' about the invoice.' },
  { type: 'IBAN', value: 'GB82WEST12345698765432', before: 'Send the rent to IBAN ', after: ' every month.' },
  { type: 'IBAN', value: 'DE89 3704 0044 0532 0130 00', before: 'My IBAN: ', after: ' at that bank.' },
  { type: 'PHONE', value: '+44 20 7946 0958', before: 'Call me at ', after: ' tonight.' },
  { type: 'PHONE', value: '(415) 555-2671', before: 'My phone number is ', after: ' if you need it.' },
  { type: 'IP', value: '203.0.113.77', before: 'The login came from IP ', after: ' at noon.' },
  { type: 'NHS', value: '943 476 5919', before: 'NHS number ', after: ' was on the letter.' },
  { type: 'NPI', value: '1234567893', before: 'The provider has NPI ', after: ' on file.' },
  { type: 'MRN', value: 'A7730412', before: 'Patient MRN: ', after: ' admitted on the ward.' },
  { type: 'SECRET', value: 'AKIAQ7ZK4WJ2N5TX3HVB', before: 'aws_access_key_id = ', after: ' in the config.' },
  { type: 'PERSON', value: 'Oluwaseun Brandt', before: 'The claim was filed by ', after: ' last week.' },
]

/**
 * A way to hide it. `of`: what is hidden, the value alone or the whole sentence. `read`: the decoder that somebody else would use; without one the
 * hidden form is for the eye, and there is none.
 */
export type Transform = Readonly<{
  name: string
  of: 'value' | 'text'
  write: (text: string) => string
  read?: (text: string) => string
  json?: true
  /** A type that takes all of it out, whatever is planted. */
  within?: string
}>

const each = (text: string, to: (one: string) => string): string => [...text].map(to).join('')
const between = (unit: string) => (text: string) => [...text].join(unit)
const after = (unit: string) => (text: string) => each(text, (one) => (/[a-z0-9]/i.test(one) ? one + unit : one))
const shifted = (digits: number | null, upper: number | null, lower: number | null) => (text: string) =>
  each(text, (one) => {
    const code = one.charCodeAt(0)
    if (digits !== null && /[0-9]/.test(one)) return String.fromCodePoint(digits + code - 0x30)
    if (upper !== null && /[A-Z]/.test(one)) return String.fromCodePoint(upper + code - 0x41)
    if (lower !== null && /[a-z]/.test(one)) return String.fromCodePoint(lower + code - 0x61)
    return one
  })
const replaced = (from: string, to: string) => (text: string) =>
  each(text, (one) => (from.includes(one) ? ([...to][from.indexOf(one)] ?? one) : one))
const base64 = (text: string) => Buffer.from(text).toString('base64')
const hex = (text: string) => Buffer.from(text).toString('hex')
const unbase64 = (text: string) => Buffer.from(text, 'base64').toString()
const bytes = (sign: string, text: string) =>
  [...Buffer.from(text)].map((byte) => `${sign}${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
const four = (one: string) => one.charCodeAt(0).toString(16).padStart(4, '0')
const noteOf = (text: string): string => {
  const read: unknown = JSON.parse(text)
  return typeof read === 'object' && read !== null && 'note' in read ? String(read.note) : ''
}
const unreferenced = (text: string) =>
  text.replace(/&#(x?)([0-9a-f]+);/gi, (_all, x: string, code: string) =>
    String.fromCodePoint(Number.parseInt(code, x === '' ? 10 : 16)),
  )

export const TRANSFORMS: readonly Transform[] = [
  { name: 'zero-width blanks', of: 'value', write: between('\u200b') },
  { name: 'zero-width joiners', of: 'value', write: between('\u200d') },
  { name: 'word joiners', of: 'value', write: between('\u2060') },
  { name: 'byte order marks', of: 'value', write: between('\ufeff') },
  { name: 'soft hyphens', of: 'value', write: between('\u00ad') },
  { name: 'bidi overrides', of: 'value', write: between('\u202d') },
  { name: 'variation selectors', of: 'value', write: after('\ufe0f') },
  { name: 'supplementary selectors', of: 'value', write: after('\u{e0100}') },
  { name: 'tag characters', of: 'value', write: after('\u{e0041}') },
  {
    name: 'said in tag characters',
    of: 'text',
    write: (text) => `Hello.${each(text, (one) => String.fromCodePoint(0xe0000 + one.charCodeAt(0)))}`,
    read: (text) => each(text, (one) => String.fromCodePoint((one.codePointAt(0) ?? 0) % 0xe0000)),
  },
  { name: 'controls', of: 'value', write: between('\u0001') },
  { name: 'struck through', of: 'value', write: after('\u0336') },
  { name: 'underlined', of: 'value', write: after('\u0332') },
  { name: 'keycaps', of: 'value', write: after('\ufe0f\u20e3') },
  { name: 'stacked marks', of: 'value', write: after('\u0329\u0353\u0336') },
  {
    name: 'full width',
    of: 'value',
    write: (text) =>
      text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)).replaceAll(' ', '\u3000'),
  },
  { name: 'mathematical bold', of: 'value', write: shifted(0x1d7ce, 0x1d400, 0x1d41a) },
  { name: 'mathematical monospace', of: 'value', write: shifted(0x1d7f6, 0x1d670, 0x1d68a) },
  { name: 'sans-serif bold', of: 'value', write: shifted(0x1d7ec, 0x1d5d4, 0x1d5ee) },
  { name: 'circled letters', of: 'value', write: shifted(null, 0x24b6, 0x24d0) },
  { name: 'circled digits', of: 'value', write: replaced('0123456789', '⓪①②③④⑤⑥⑦⑧⑨') },
  { name: 'negative circled digits', of: 'value', write: replaced('0123456789', '⓿❶❷❸❹❺❻❼❽❾') },
  { name: 'superscript digits', of: 'value', write: replaced('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹') },
  { name: 'Arabic-Indic digits', of: 'value', write: shifted(0x660, null, null) },
  { name: 'Persian digits', of: 'value', write: shifted(0x6f0, null, null) },
  { name: 'Devanagari digits', of: 'value', write: shifted(0x966, null, null) },
  { name: 'Thai digits', of: 'value', write: shifted(0xe50, null, null) },
  { name: 'Cyrillic look-alikes', of: 'value', write: replaced('aceopxyABEKMHOPCTX', 'асеорхуАВЕКМНОРСТХ') },
  { name: 'Greek look-alikes', of: 'value', write: replaced('oABEZHIKMNOPTX', 'οΑΒΕΖΗΙΚΜΝΟΡΤΧ') },
  {
    name: 'small capitals',
    of: 'value',
    write: (text) =>
      /^[A-Z0-9-]+$/.test(text) ? text : replaced('abcdeghijklmnoprtuvwyz', 'ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ')(text),
  },
  { name: 'fancy hyphens', of: 'value', write: replaced('-', '\u2011') },
  { name: 'minus signs', of: 'value', write: replaced('-', '\u2212') },
  { name: 'no-break blanks', of: 'value', write: replaced(' ', '\u00a0') },
  { name: 'thin blanks', of: 'value', write: replaced(' ', '\u2009') },
  { name: 'small and full-width marks', of: 'value', write: replaced('@.:()', '﹫．：（）') },
  {
    name: 'decimal references',
    of: 'value',
    write: (text) => each(text, (one) => `&#${one.charCodeAt(0)};`),
    read: unreferenced,
  },
  {
    name: 'hexadecimal references',
    of: 'text',
    write: (text) => each(text, (one) => `&#x${four(one)};`),
    read: unreferenced,
  },
  {
    name: 'references twice',
    of: 'value',
    write: (text) => each(text, (one) => `&amp;#${one.charCodeAt(0)};`),
    read: (text) => unreferenced(text.replaceAll('&amp;', '&')),
  },
  {
    name: 'escapes of Unicode',
    of: 'value',
    write: (text) => each(text, (one) => `\\u${four(one)}`),
    read: (text) => JSON.parse(`"${text}"`),
  },
  { name: 'escapes in braces', of: 'value', write: (text) => each(text, (one) => `\\u{${four(one)}}`) },
  { name: 'escapes of bytes', of: 'value', write: (text) => each(text, (one) => `\\x${four(one).slice(2)}`) },
  {
    name: 'escapes in JSON',
    of: 'text',
    json: true,
    write: (text) => `{"note":"${each(text, (one) => `\\u${four(one)}`)}"}`,
    read: noteOf,
  },
  {
    name: 'JSON in JSON',
    of: 'text',
    json: true,
    write: (text) => JSON.stringify({ note: `{"note":"${each(text, (one) => `\\u${four(one)}`)}"}` }),
    read: (text) => noteOf(noteOf(text)),
  },
  { name: 'percent', of: 'value', write: (text) => bytes('%', text), read: decodeURIComponent },
  { name: 'percent, all of it', of: 'text', write: (text) => bytes('%', text), read: decodeURIComponent },
  {
    name: 'percent twice',
    of: 'value',
    write: (text) => bytes('%', text).replaceAll('%', '%25'),
    read: (text) => decodeURIComponent(decodeURIComponent(text)),
  },
  {
    name: 'a form',
    of: 'text',
    write: (text) => `id=7&q=${encodeURIComponent(text)}&lang=en`,
    read: decodeURIComponent,
  },
  {
    name: 'a web address',
    of: 'text',
    within: 'URL',
    write: (text) => `See https://example.org/?q=${encodeURIComponent(text)} for it`,
  },
  { name: 'quoted-printable', of: 'value', write: (text) => bytes('=', text) },
  { name: 'base64', of: 'text', write: base64, read: unbase64 },
  { name: 'base64 of the value', of: 'value', write: base64 },
  { name: 'base64url', of: 'text', write: (text) => Buffer.from(text).toString('base64url'), read: unbase64 },
  { name: 'base64 twice', of: 'text', write: (text) => base64(base64(text)), read: (text) => unbase64(unbase64(text)) },
  {
    name: 'base64 in JSON',
    of: 'text',
    json: true,
    write: (text) => JSON.stringify({ note: base64(text) }),
    read: (text) => unbase64(noteOf(text)),
  },
  {
    name: 'JSON in base64',
    of: 'text',
    write: (text) => base64(JSON.stringify({ note: text })),
    read: (text) => noteOf(unbase64(text)),
  },
  {
    name: 'a data: URL',
    of: 'text',
    write: (text) => `data:text/plain;base64,${base64(text)}`,
    read: (text) => unbase64(text.slice(text.indexOf(',') + 1)),
  },
  { name: 'hexadecimal', of: 'text', write: hex, read: (text) => Buffer.from(text, 'hex').toString() },
  {
    name: 'hexadecimal in capitals',
    of: 'text',
    write: (text) => hex(text).toUpperCase(),
    read: (text) => Buffer.from(text, 'hex').toString(),
  },
]
