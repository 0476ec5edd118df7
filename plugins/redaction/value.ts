/** When two ways of writing are one value, and what a person's name is made of. */

/** Types whose values are digits, whatever stands between them. */
const DIGITS: ReadonlySet<string> = new Set([
  'CREDIT_CARD',
  'SSN',
  'ITIN',
  'EIN',
  'NHS',
  'ABA_ROUTING',
  'US_ACCOUNT',
  'UK_SORT_CODE',
  'NPI',
  'IMEI',
  'PHONE',
  'CVV',
  'PIN',
])
/** Types whose values are letters and digits in any case, whatever stands between them. */
const CODES: ReadonlySet<string> = new Set([
  'IBAN',
  'BIC',
  'CUSIP',
  'ISIN',
  'LEI',
  'NINO',
  'DEA',
  'MBI',
  'HICN',
  'VIN',
  'PLATE',
  'PASSPORT',
  'DRIVER_LICENSE',
  'MAC',
  'MRN',
  'ID',
  'ZIP',
])
/** Types in which case and blanks count. */
const EXACT: ReadonlySet<string> = new Set(['SECRET', 'CRYPTO', 'TOKEN', 'TRACK'])

const FORMAT = /[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/g
const SPACES = /\s+/g
const NO_DIGITS = /\D+/g
const NO_CODE = /[^\p{L}\p{N}]+/gu

/** The key of a value: equal for two surfaces of it. Never shown to anybody: it is the value. */
export function normalised(type: string, surface: string): string {
  if (EXACT.has(type)) return surface
  const plain = surface.normalize('NFKC').replaceAll(FORMAT, '')
  if (DIGITS.has(type)) {
    const digits = plain.replaceAll(NO_DIGITS, '')
    // A number of another form (`ext. B`) has fewer digits than it says.
    if (digits.length >= 3) return type === 'PHONE' ? national(digits) : digits
  }
  if (CODES.has(type)) {
    const code = plain.replaceAll(NO_CODE, '').toUpperCase()
    if (code !== '') return code
  }
  return plain.replaceAll(SPACES, ' ').trim().toLowerCase()
}

/** A North American number with and without its country code. */
function national(digits: string): string {
  return digits.length === 11 && digits.startsWith('1') ? digits.slice(1) : digits
}

const TITLES: ReadonlySet<string> = new Set(
  'mr mrs ms miss mx dr prof sir dame lord lady jr sr ii iii iv md phd esq rev hon capt sgt lt col judge señor señora señorita sr sra srta don doña dra herr frau dipl ing monsieur madame mademoiselle mme mlle maître signor signora sig dott dottoressa avv senhor senhora dona meneer mevrouw dhr mevr'.split(
    ' ',
  ),
)
const PARTICLES: ReadonlySet<string> = new Set(
  'de del della di da do dos das du des van von der den ter ten la le las los el al bin ibn y e i und zu zur et and'.split(
    ' ',
  ),
)
const NO_NAME = /[^\p{L}\p{M}'’-]+/u

/** The names in a normalised name, in order, without titles, particles and initials. */
export function partsOfName(name: string): readonly string[] {
  return name
    .split(NO_NAME)
    .map((part) => part.replace(/['’]s$/, '').replaceAll(/^['’-]+|['’-]+$/g, ''))
    .filter((part) => part.length > 1 && !TITLES.has(part) && !PARTICLES.has(part))
}
