import { countrySpecs } from 'ibantools'
import { mod97, uniform, valueAt, weighted } from '../numbers/checks.ts'
import { type CodeForm, type DigitForm, type LabelledForm, WITH_CONTEXT } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Lengths and forms of the ISO 13616 registry, and of the countries that write account numbers in this form without being in it. */
const IBANS: ReadonlyMap<string, Readonly<{ length: number; account: RegExp }>> = new Map(
  Object.entries(countrySpecs).flatMap(([country, { chars, bban_regexp: form }]) =>
    typeof chars === 'number' && typeof form === 'string'
      ? [[country, { length: chars, account: new RegExp(form) }]]
      : [],
  ),
)

/** Length of the IBAN of a country, 0 if it has none. */
function ibanLength(country: string): number {
  return IBANS.get(country)?.length ?? 0
}

/** What may stand between groups: the checksum proves that they belong together. */
const GAPS = new Set([...' \t\r\n\u00a0\u2009\u202f-‐‑–—./_·,|'].map((mark) => mark.charCodeAt(0)))
const MOST_GAP = 4
const LONGEST = 50

/** End of what may be an IBAN from an offset on: as many letters and digits as its country has, separators between. -1 if none. */
function ibanEnd(text: string, start: number): number {
  const length = ibanLength(text.slice(start, start + 2).toUpperCase())
  if (length === 0) return -1
  let taken = 2
  let at = start + 2
  let gap = 0
  for (; taken < length; at++) {
    const unit = text.charCodeAt(at)
    const digit = unit >= 0x30 && unit <= 0x39
    const folded = unit | 0x20
    if (digit || (taken >= 4 && folded >= 0x61 && folded <= 0x7a && unit < 0x80)) {
      taken += 1
      gap = 0
    } else if (gap < MOST_GAP && at - start < LONGEST && GAPS.has(unit)) {
      gap += 1
    } else {
      return -1
    }
  }
  const next = text.charCodeAt(at)
  const word = (next >= 0x30 && next <= 0x39) || ((next | 0x20) >= 0x61 && (next | 0x20) <= 0x7a)
  return word || at - start > LONGEST ? -1 : at
}

/** Whether letters and digits stand where the country has them. */
const hasForm = (code: string): boolean => IBANS.get(code.slice(0, 2))?.account.test(code.slice(4)) === true
const isIban = (code: string): boolean => mod97(code, 4) === 1 && hasForm(code)

/** Prefixes that the ABA has given out, and check digits 3-7-1. */
function isRouting(digits: Uint8Array, count: number): boolean {
  const prefix = valueAt(digits, 0, 2)
  const given = prefix <= 12 || (prefix >= 21 && prefix <= 32) || (prefix >= 61 && prefix <= 72) || prefix === 80
  return count === 9 && given && weighted(digits, [3, 7, 1, 3, 7, 1, 3, 7, 1], 10) && !uniform(digits, count)
}

export const ACCOUNTS: readonly DigitForm[] = [
  {
    type: 'ABA_ROUTING',
    rule: 'aba/3-7-1',
    from: 9,
    to: 9,
    shapes: ['4-4-1'],
    telling: ['4-4-1'],
    valid: isRouting,
    cue: CUE.routing,
    scores: { form: 0.4, grouped: 0.9, alone: 0.7, near: 0.95, label: 1, invalid: 0.75 },
  },
  {
    type: 'UK_SORT_CODE',
    rule: 'sort-code/label',
    from: 6,
    to: 6,
    shapes: ['2-2-2'],
    telling: ['2-2-2'],
    valid: (digits, count) => !uniform(digits, count),
    cue: CUE.sort,
    scores: { form: 0, grouped: 0.35, alone: 0.35, near: 0.85, label: 0.95, invalid: 0 },
  },
  {
    type: 'US_ACCOUNT',
    rule: 'account/near',
    from: 7,
    to: 17,
    shapes: [],
    valid: (digits, count) => !uniform(digits, count),
    cue: CUE.account | CUE.routing | CUE.sort,
    scores: { form: 0, grouped: 0, alone: 0.3, near: 0.55, label: 0.6, invalid: 0 },
  },
]

export const ACCOUNT_LABELS: readonly LabelledForm[] = [
  {
    type: 'US_ACCOUNT',
    cue: CUE.account,
    score: 0.85,
    from: 5,
    to: 24,
    digits: 5,
    letters: false,
    grouped: true,
    years: false,
  },
]

export const ACCOUNT_CODES: readonly CodeForm[] = [
  {
    type: 'IBAN',
    rule: 'iban/mod-97',
    pattern: ibanEnd,
    valid: isIban,
    cue: CUE.iban | CUE.account,
    scores: { form: 1, grouped: 1, alone: 1, near: 1, label: 1, invalid: 0.7 },
  },
]

/** ISO 3166-1 alpha-2, and XK. */
export const COUNTRIES: ReadonlySet<string> = new Set(
  'AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MQ MR MT MU MV MW MX MY MZ NA NC NE NG NI NL NO NP NZ OM PA PE PF PG PH PK PL PR PS PT PY QA RE RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SR SS ST SV SZ TD TG TH TJ TL TM TN TO TR TT TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WS XK YE ZA ZM ZW'.split(
    ' ',
  ),
)

/** ISO 9362: four letters, a country, a location, perhaps a branch. Many words have this form (CUSTOMER, DOCUMENT), so context must speak for it. */
export const BIC: CodeForm = {
  type: 'BIC',
  rule: 'bic/context',
  pattern: /[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])/y,
  valid: (code) => COUNTRIES.has(code.slice(4, 6)),
  cue: CUE.bic | CUE.iban,
  scores: { ...WITH_CONTEXT, form: 0, grouped: 0, alone: 0.3, label: 0.95 },
}
