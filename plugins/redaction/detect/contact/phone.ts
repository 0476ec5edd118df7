import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { cueOf, cuesAfter, labelBefore, lexiconOf, nearestBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { ALNUM, isOf, NUMERAL } from '../network/units.ts'
import { DIGIT, isWordUnit } from '../tokens.ts'
import { PATTERNS } from './patterns.ts'

const CUES = lexiconOf({
  phone: (
    'phone,telephone,tel,tels,telf,telfs,telef,tfno,tfnos,tlf,tlfno,tlno,tf,cell,cellphone,cellular,mobile,mob,fax,call,called,calling,dial,ring,text,sms,whatsapp,answering,hotline,helpline,landline,pager,' +
    'reach,contact,extension,voicemail,signal,telegram,ph,' +
    'teléfono,teléfonos,móvil,celular,llamar,llame,llámame,contacto,telefon,telefonnummer,handy,handynummer,mobil,mobilnummer,rufnummer,durchwahl,rückruf,anrufen,' +
    'téléphone,portable,appeler,appelez,joindre,telefono,cellulare,chiamare,chiama,recapito,telefone,celular,telemóvel,ligar,ligue,telefoonnummer,telefoon,mobiel,bellen,bel,gsm,cep'
  ).split(','),
  other: (
    'nºcol,ncol,nº col,n col,num col,colegiada,col,account,acct,card,ssn,routing,aba,invoice,order,policy,member,npi,mrn,id,ref,reference,case,claim,ticket,tracking,serial,imei,iban,isin,cusip,vin,zip,postal code,po box,license,licence,passport,version,lot,batch,' +
    'group,ein,itin,tin,sort code,nhs,nif,dni,nie,cuenta,tarjeta,póliza,expediente,historia,nhc,factura,pedido,colegiado,nass,konto,kontonummer,rechnung,steuer,compte,carte,facture,conto,fattura,cnpj,cpf,bsn,' +
    'confirmation,transaction,check number,cheque,medicare,beneficiary,dea,pin,cvv,code,hash,timestamp,isbn,issn,doi,pmid,sku,upc,ean,barcode,pesel,abn,tfn,acn,siren,siret'
  ).split(','),
})
/** Behind a number on a card: which of somebody's it is. */
const BEHIND = cueOf(
  'office',
  'home',
  'work',
  'direct',
  'main',
  'oficina',
  'casa',
  'büro',
  'privat',
  'bureau',
  'domicile',
  'ufficio',
)
const PHONE = CUES.bit.phone
/** Regions whose national forms are read, by how a number begins: with a trunk `0`, or without one. */
const TRUNK: readonly CountryCode[] = ['GB', 'DE', 'FR', 'IT', 'AU', 'NL', 'CH', 'AT', 'IE']
const NINE: readonly CountryCode[] = ['ES']
const TEN: readonly CountryCode[] = ['US', 'IN', 'MX', 'BR']
const ELEVEN: readonly CountryCode[] = ['BR', 'US', 'GB']
/** Digits of a number, E.164 and the shortest local one. */
const MOST = 15
const LEAST = 6
/** Calls of the numbering plans' tables for each unit of a text (some 60 us each): digits without end cannot buy time. */
const CALLS_PER_UNIT = 1 / 100

/** Telephone and fax numbers: international ones by their plan, national ones by form, plan and what is said around. */
export const phone: Detector = {
  name: 'phone',
  finds: ['PHONE'],
  scan(reading, found) {
    const { count, kind, start, end } = reading.tokens
    const budget = { calls: 8 + Math.ceil(reading.text.length * CALLS_PER_UNIT) }
    let past = 0
    for (let at = 0; at < count; at++) {
      if (((kind[at] ?? 0) & DIGIT) === 0 || (start[at] ?? 0) < past) continue
      if (!isOf(reading.text, start[at] ?? 0, NUMERAL)) continue
      if ((end[at] ?? 0) - (start[at] ?? 0) > MOST) continue
      past = groupAt(reading, at, found, budget)
    }
  },
}

/** Offsets of the runs of digits of one group, and what stands in front of each. */
const FROM = new Int32Array(12)
const TO = new Int32Array(12)

/** Takes the group of digits that begins with a token; where to go on. */
function groupAt(reading: Reading, at: number, found: Span[], budget: { calls: number }): number {
  const { text } = reading
  const first = reading.tokens.start[at] ?? 0
  let runs = 0
  let i = first
  let digits = 0
  while (runs < 12) {
    let end = i
    while (isOf(text, end, NUMERAL)) end += 1
    FROM[runs] = i
    TO[runs] = end
    runs += 1
    digits += end - i
    const next = separatorEnd(text, end)
    if (next === 0 || digits > MOST + 8) break
    i = next
  }
  let start = first
  let before = text.charCodeAt(first - 1)
  if (before === 0x28 && closesSoon(text, first)) {
    start -= 1
    before = text.charCodeAt(start - 1)
    if (before === 32 && text.charCodeAt(start - 2) === 0x2b) before = 0x2b
  }
  if (before === 0x2b) {
    while (text.charCodeAt(start) !== 0x2b) start -= 1
    before = text.charCodeAt(start - 1)
  }
  const plus = text.charCodeAt(start) === 0x2b
  if (
    isWordUnit(before) ||
    before === 0x24 ||
    before === 0x20ac ||
    before === 0xa3 ||
    before === 0x40 ||
    before === 0x5f
  )
    return TO[0] ?? first
  // Of a decimal number, or of a time; but in a row of values a comma parts what has groups of its own.
  if ((before === 0x2e || before === 0x3a || (before === 0x2c && runs === 1)) && isOf(text, start - 2, NUMERAL))
    return TO[0] ?? first
  if (before === 0x2d && isOf(text, start - 2, ALNUM)) return TO[0] ?? first
  // The longest run of runs that is a number wins; shorter ones end where a blank is.
  for (let last = runs; last > 0; last--) {
    const end = TO[last - 1] ?? first
    if (
      last < runs &&
      text.charCodeAt(end) !== 32 &&
      text.charCodeAt(end) !== 0x2f &&
      text.charCodeAt(end + 1) !== 0x2f
    )
      continue
    if (judge(reading, at, start, end, last, plus, found, budget)) return end
  }
  return TO[0] ?? first
}

/** Whether a bracket closes within the next digits. */
function closesSoon(text: string, at: number): boolean {
  for (let i = at; i < at + 7; i++) if (text.charCodeAt(i) === 0x29) return true
  return false
}

/** Where the next run of digits begins, 0 if none of the same number does. */
function separatorEnd(text: string, at: number): number {
  let i = at
  let marks = 0
  while (i - at < 4) {
    const unit = text.charCodeAt(i)
    if (unit >= 48 && unit <= 57) return i > at ? i : 0
    const blank = unit === 32 || unit === 0xa0 || unit === 0x2009 || unit === 0x202f
    const mark =
      unit === 0x2d ||
      unit === 0x2e ||
      unit === 0x2f ||
      unit === 0x28 ||
      unit === 0x29 ||
      (unit >= 0x2010 && unit <= 0x2015)
    if (!blank && !mark) return 0
    if (mark) marks += 1
    if (marks > 2 || (blank && text.charCodeAt(i - 1) === unit)) return 0
    i += 1
  }
  return 0
}

function judge(
  reading: Reading,
  at: number,
  start: number,
  end: number,
  runs: number,
  plus: boolean,
  found: Span[],
  budget: { calls: number },
): boolean {
  const { text } = reading
  const after = text.charCodeAt(end)
  if (after === 0x40 || after === 0x25 || (isWordUnit(after) && after !== 0x78 && after !== 0x58)) return false
  if ((after === 0x2e || after === 0x3a || (after === 0x2c && runs === 1)) && isOf(text, end + 1, NUMERAL)) return false
  let digits = ''
  for (let run = 0; run < runs; run++) digits += text.slice(FROM[run] ?? 0, TO[run] ?? 0)
  const n = digits.length
  if (n < LEAST || n > MOST || n * 2 < runs * 3) return false
  const dashed = runs === 3 && text.charCodeAt(TO[0] ?? 0) !== 32
  const shape = shapeOf(runs)
  // Four short numbers with dots are an address of a network, or none.
  if (
    runs === 4 &&
    n <= 12 &&
    text.charCodeAt(TO[0] ?? 0) === 0x2e &&
    text.charCodeAt(TO[2] ?? 0) === 0x2e &&
    (TO[3] ?? 0) - (FROM[3] ?? 0) < 4 &&
    (TO[0] ?? 0) - (FROM[0] ?? 0) > 2
  )
    return false
  if (!plus && isDate(text, digits, runs, dashed)) return false
  let token = at
  while (token > 0 && (reading.tokens.start[token - 1] ?? 0) >= start) token -= 1
  const label = labelBefore(reading, token, CUES)
  const near = label === 0 ? nearestBefore(reading, token, CUES, 8) : label
  let last = at
  while (last + 1 < reading.tokens.count && (reading.tokens.start[last + 1] ?? 0) < end) last += 1
  const behind =
    label === 0 &&
    ((cuesAfter(reading, last, CUES, 2) & PHONE) !== 0 || (runs > 1 && cuesAfter(reading, last, BEHIND, 2) !== 0))
  const cue = (near & PHONE) !== 0 || behind
  if (!cue && near !== 0) return false
  if (near !== 0 && (near & PHONE) === 0) return false
  // Who are reached are as often counted: `reach 250000 members`.
  if (runs === 1 && !plus && n < 10 && PATTERNS.round.test(digits)) return false
  const separators = runs > 1 || text.charCodeAt(start) === 0x28
  let score = 0
  let rule = 'phone/form'
  if (plus || digits.startsWith('00')) {
    const number =
      n > 6 && spend(budget) ? parsePhoneNumberFromString(plus ? `+${digits}` : `+${digits.slice(2)}`) : undefined
    if (number?.isValid() === true) score = plus ? 1 : 0.9
    else if (n >= 8) score = plus ? 0.75 : cue ? 0.7 : 0.4
    rule = 'phone/international'
  } else {
    const paren = text.charCodeAt(start) === 0x28
    const nanp = n === 10 && isNanp(digits)
    const us = shape === '334' || (shape === '37' && paren)
    if (shape === '324') return false
    if (nanp && us) score = 0.9
    else if (paren && n >= 8) score = 0.6
    else if (n === 11 && digits.startsWith('1') && isNanp(digits.slice(1)) && separators) score = 0.8
    else if (us && runs > 1) score = 0.5
    else if (n >= 8 && n <= 12 && !isMixed(text, runs) && inPlan(digits, shape === '22222', budget))
      score = separators ? (digits.startsWith('0') ? 0.65 : runs > 2 ? 0.5 : 0.4) : 0.35
    else if (shape === '34' || shape === '44' || separators) score = 0.25
    if (runs > 1 && text.charCodeAt(TO[0] ?? 0) === 0x2f && !cue && score < 0.9) score = Math.min(score, 0.3)
    if (label === PHONE || behind) score = Math.max(score + 0.3, n >= 7 ? 0.85 : 0.6)
    else if (cue) score = Math.max(score + 0.2, n >= 7 && (separators || n > 8) ? 0.7 : 0.45)
    rule = cue ? 'phone/cue' : nanp ? 'phone/nanp' : 'phone/form'
  }
  if (score < 0.2) return false
  found.push({ start, end: extensionEnd(text, end), type: 'PHONE', score: Math.min(score, 1), rule })
  return score >= 0.5
}

/** Whether hyphens and blanks part the runs: `119-129 08035` is two house numbers and a postal code. */
function isMixed(text: string, runs: number): boolean {
  let hyphen = false
  let blank = false
  for (let run = 0; run + 1 < runs; run++) {
    const unit = text.charCodeAt(TO[run] ?? 0)
    if (unit === 0x2d) hyphen = true
    else if (unit === 32) blank = true
  }
  return hyphen && blank
}

/** Widths of the runs: `334`. */
function shapeOf(runs: number): string {
  let shape = ''
  for (let run = 0; run < runs; run++) shape += String((TO[run] ?? 0) - (FROM[run] ?? 0))
  return shape
}

/** Area code and exchange of the North American plan: [2-9]xx, the exchange none of N11. */
function isNanp(digits: string): boolean {
  const area = digits.charCodeAt(0)
  const exchange = digits.charCodeAt(3)
  return area >= 50 && exchange >= 50 && !(digits[1] === '1' && digits[2] === '1')
}

function isDate(text: string, digits: string, runs: number, dashed: boolean): boolean {
  if (runs < 3) return false
  const a = (TO[0] ?? 0) - (FROM[0] ?? 0)
  const b = (TO[1] ?? 0) - (FROM[1] ?? 0)
  const c = (TO[2] ?? 0) - (FROM[2] ?? 0)
  if (!dashed && text.charCodeAt(TO[0] ?? 0) === 32 && runs === 3)
    return a === 4 && b === 2 && c === 2 && PATTERNS.century.test(digits)
  if (a === 4 && b <= 2 && c <= 2) return PATTERNS.century.test(digits)
  return dashed && a <= 2 && b <= 2 && (c === 4 || (c === 2 && runs === 3 && text.charCodeAt(TO[0] ?? 0) === 0x2f))
}

function spend(budget: { calls: number }): boolean {
  budget.calls -= 1
  return budget.calls >= 0
}

/** Whether a national number is in the plan of a region that is asked for it. */
function inPlan(digits: string, pairs: boolean, budget: { calls: number }): boolean {
  const n = digits.length
  // `06 12 34 56 78`: pairs are French, and tell it without a table.
  if (n === 10 && digits.startsWith('0') && pairs) return digits[1] !== '0'
  const regions = digits.startsWith('0') ? TRUNK : n === 9 ? NINE : n === 10 ? TEN : n === 11 ? ELEVEN : []
  for (const region of regions) {
    if (!spend(budget)) return false
    if (parsePhoneNumberFromString(digits, region)?.isValid() === true) return true
  }
  return false
}

/** With an extension behind it: `x123`, `ext. 12`, `Durchwahl 3`. */
function extensionEnd(text: string, end: number): number {
  let i = end
  if (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 0x2c) i += 1
  if (text.charCodeAt(i) === 32) i += 1
  let word = i
  while (word - i < 9 && isOf(text, word, ALNUM) && !isOf(text, word, NUMERAL)) word += 1
  const name = text.slice(i, word).toLowerCase()
  if (
    name !== 'x' &&
    name !== 'ext' &&
    name !== 'extn' &&
    name !== 'extension' &&
    name !== 'extensión' &&
    name !== 'poste' &&
    name !== 'interno'
  )
    return end
  if (text.charCodeAt(word) === 0x2e) word += 1
  if (text.charCodeAt(word) === 32 || text.charCodeAt(word) === 0x3a) word += 1
  if (text.charCodeAt(word) === 32) word += 1
  let last = word
  while (last - word < 7 && isOf(text, last, NUMERAL)) last += 1
  return last > word && last - word < 7 && !isWordUnit(text.charCodeAt(last)) ? last : end
}
