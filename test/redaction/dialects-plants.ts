/** What is planted in a call, and every form in which it could leave. */

const house = (name: string): string => `ada.${name}@lovelace-test.org`

/** A credential of the right shape, which is nobody's. */
const KEY = `ghp_${'q7Wz2Lm9Xc4Vb8Nt1Rk6Yp3Hs5Jd0Fg2Ta7E'.slice(0, 36)}`

/** What the user says last, and the model says again. */
const SPOKEN = {
  PERSON: 'Margaret Thornbury',
  EMAIL: house('said'),
  PHONE: '+1 415 867 5309',
  CREDIT_CARD: '5425 2334 3010 9903',
  IBAN: 'DE89 3704 0044 0532 0130 00',
  SSN: '536-90-4399',
  NHS: '943 476 5919',
  VIN: '1HGCM82633A004352',
  IP: '91.198.174.192',
  MAC: '3c:22:fb:9a:0e:7d',
  CRYPTO: 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq',
  SECRET: KEY,
} as const

export const SAID =
  `My name is ${SPOKEN.PERSON}, "Peggy". Write to ${SPOKEN.EMAIL} or ring ${SPOKEN.PHONE} about card ${SPOKEN.CREDIT_CARD} ` +
  `and IBAN ${SPOKEN.IBAN}; SSN ${SPOKEN.SSN}, NHS number ${SPOKEN.NHS}, VIN ${SPOKEN.VIN}. ` +
  `The server is ${SPOKEN.IP} (${SPOKEN.MAC}), the wallet ${SPOKEN.CRYPTO} and the key ${SPOKEN.SECRET} .`

/** Values that are said nowhere else: a place that nobody reads, or a label that nobody heeds, sends one of them. */
export const PLACED = {
  system: house('system'),
  card: '4111111111111111',
  percent: house('percent'),
  reply: house('reply'),
  argument: house('argument'),
  escaped: house('escaped'),
  cardNumber: '6011000990139424',
  routing: '021000021',
  passport: '533380006',
  mrn: '44719023',
  member: 'XJH99213004',
  result: house('result'),
  listed: house('listed'),
  phone: '+44 20 7183 8750',
  described: house('described'),
  schema: house('schema'),
  choice: house('choice'),
  user: house('user'),
  owner: house('owner'),
} as const
/** In documents, which not every dialect has. */
export const DOCUMENTS = { written: house('written'), encoded: house('encoded') } as const

export const CANARIES: readonly string[] = [
  ...Object.values(SPOKEN),
  ...Object.values(PLACED),
  ...Object.values(DOCUMENTS),
]

/** A tool's arguments as the model would have written them, in names of both cases. */
export const GIVEN = {
  to: [PLACED.argument],
  card_number: PLACED.cardNumber,
  routing_number: PLACED.routing,
  passportNumber: PLACED.passport,
  patientMrn: PLACED.mrn,
} as const
/** The same as text, with one address in escapes. */
export const GIVEN_TEXT = JSON.stringify({ ...GIVEN, cc: PLACED.escaped }).replace(
  PLACED.escaped,
  `\\u0061\\u0064\\u0061${PLACED.escaped.slice(3).replace('@', '\\u0040')}`,
)
export const RESULT = JSON.stringify({ memberId: PLACED.member, work_phone: PLACED.phone, mail: PLACED.result })
export const LISTED = `Also known: ${PLACED.listed}.`
export const SYSTEM = `You serve ${PLACED.system}.`
export const EARLIER = `Who has ${PLACED.card}? See https://crm.lovelace-test.org/find?mail=${encodeURIComponent(PLACED.percent)} first.`
export const REPLY = `I shall ask ${PLACED.reply}.`
export const DESCRIPTION = `Sends mail, as ${PLACED.described} does.`
export const SCHEMA = {
  type: 'object',
  properties: {
    to: { type: 'array', description: `Addresses such as ${PLACED.schema}`, items: { type: 'string' } },
    from: { type: 'string', enum: [PLACED.choice] },
  },
} as const
export const WRITTEN = `Minutes: ${DOCUMENTS.written} was there.`
export const ENCODED = Buffer.from(`Attachment of ${DOCUMENTS.encoded}, as agreed.`).toString('base64')

/** The forms in which a value could stand in bytes. */
export function formsOf(value: string): readonly string[] {
  const digits = value.replaceAll(/\D/g, '')
  const units = [...value].map((letter) => `\\u00${letter.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')
  return [
    value,
    encodeURIComponent(value),
    units,
    units.toUpperCase().replaceAll('\\U', '\\u'),
    Buffer.from(value).toString('hex'),
    ...[0, 1, 2].map((shift) => base64Of(value, shift)),
    ...(digits.length >= 9 ? [digits] : []),
  ]
}

/** Base64 of a text that has a value somewhere: what of it is the value's alone, behind so many other bytes. */
function base64Of(value: string, shift: number): string {
  const all = Buffer.from('x'.repeat(shift) + value).toString('base64')
  return all.slice(shift === 0 ? 0 : 4, Math.floor((shift + value.length) / 3) * 4)
}

/** A text and all that it decodes to: escapes of JSON, base64, percent escapes, three deep. */
export function unwrapped(text: string, depth = 3): string {
  if (depth === 0) return text
  const inner: string[] = []
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{16,}={0,2}/g)) {
    const decoded = Buffer.from(run, 'base64').toString('utf8')
    if (/^[\t\n\r -~]+$/.test(decoded)) inner.push(decoded)
  }
  if (text.includes('\\')) {
    inner.push(
      text.replaceAll(/\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g, (_, code: string | undefined, unit: string | undefined) =>
        code === undefined ? String(unit) : String.fromCharCode(Number.parseInt(code, 16)),
      ),
    )
  }
  if (/%[0-9A-Fa-f]{2}/.test(text)) {
    inner.push(
      text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    )
  }
  return [text, ...inner.map((one) => unwrapped(one, depth - 1))].join('\n')
}

/** The canaries that stand in bytes in any form, each with what stands around it. */
export function leaked(bytes: string, canaries: readonly string[] = CANARIES): readonly string[] {
  const all = unwrapped(bytes)
  return canaries.flatMap((canary) => {
    const at = formsOf(canary)
      .map((form) => all.indexOf(form))
      .find((index) => index !== -1)
    return at === undefined ? [] : [`${canary} in ${all.slice(Math.max(0, at - 80), at + 60)}`]
  })
}
