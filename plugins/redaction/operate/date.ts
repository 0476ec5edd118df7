/** A calendar date as it was written: when, and how to write another in its place. Month and day are 1-based. */
export type Written = Readonly<{
  year: number | null
  month: number | null
  day: number | null
  /** The same form with another date in it; null where the form holds no whole date. */
  write: ((year: number, month: number, day: number) => string) | null
}>

const MONTHS = [
  'january february march april may june july august september october november december',
  'jan feb mar apr may jun jul aug sep oct nov dec',
  'jan. feb. mar. apr. may. jun. jul. aug. sep. oct. nov. dec.',
  'enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre',
  'ene feb mar abr may jun jul ago sep oct nov dic',
  'januar februar märz april mai juni juli august september oktober november dezember',
  'jan feb mär apr mai jun jul aug sep okt nov dez',
  'janvier février mars avril mai juin juillet août septembre octobre novembre décembre',
  'gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre',
  'janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro',
  'januari februari maart april mei juni juli augustus september oktober november december',
].map((line) => line.split(' '))

const NUMERIC = /^(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})$/
const PACKED = /^(\d{4})(\d{2})(\d{2})$/
const WORD = /\p{L}[\p{L}\p{M}]*\.?/gu
const DIGITS = /\d+/g

/** Reads a date of one of the forms that are shifted and generalised; null for any other. A form of both orders (`03/04/2020`) is read as month first with `/`, else day first. */
export function readDate(text: string): Written | null {
  const packed = PACKED.exec(text)
  if (packed !== null) {
    const [, y = '', m = '', d = ''] = packed
    return real(Number(y), Number(m), Number(d), (year, month, day) => `${pad(year, 4)}${pad(month, 2)}${pad(day, 2)}`)
  }
  const numeric = NUMERIC.exec(text)
  if (numeric !== null) {
    const [, a = '', mark = '', b = '', c = ''] = numeric
    return fromNumbers(a, b, c, mark)
  }
  return fromWords(text)
}

function fromNumbers(a: string, b: string, c: string, mark: string): Written | null {
  if (a.length === 4) {
    return real(Number(a), Number(b), Number(c), (year, month, day) =>
      [pad(year, 4), like(b, month), like(c, day)].join(mark),
    )
  }
  if (a.length > 2 || c.length === 3 || c.length === 1) return null
  const dayFirst = Number(a) > 12 || (Number(b) <= 12 && mark !== '/')
  const [day, month] = dayFirst ? [a, b] : [b, a]
  return real(yearOf(c), Number(month), Number(day), (toYear, toMonth, toDay) => {
    const year = c.length === 2 ? pad(toYear % 100, 2) : pad(toYear, 4)
    return (dayFirst ? [like(a, toDay), like(b, toMonth), year] : [like(a, toMonth), like(b, toDay), year]).join(mark)
  })
}

/** `January 12, 1980`, `12 de enero de 1980`, `12. März 1980`, `March 1980`, `12 January`: the first word that is a month, and the numbers around it. */
function fromWords(text: string): Written | null {
  for (const found of text.matchAll(WORD)) {
    const [word] = found
    const names = MONTHS.find((line) => line.includes(word.toLowerCase()))
    const bare = names === undefined && word.endsWith('.') ? word.slice(0, -1) : word
    const list = names ?? MONTHS.find((line) => line.includes(bare.toLowerCase()))
    if (list === undefined) continue
    const month = list.indexOf(bare.toLowerCase()) + 1
    const numbers = [...text.matchAll(DIGITS)]
    const year = numbers.find(([digits]) => digits.length === 4)
    const day = numbers.find((number) => number !== year && number[0].length <= 2 && number[0] !== '0')
    if (year === undefined || day === undefined || numbers.length !== 2) {
      return { year: year === undefined ? null : Number(year[0]), month, day: null, write: null }
    }
    return real(Number(year[0]), month, Number(day[0]), (toYear, toMonth, toDay) =>
      replaced(text, [
        { at: found.index, old: bare, text: cased(bare, list[toMonth - 1] ?? bare) },
        { at: year.index, old: year[0], text: pad(toYear, 4) },
        { at: day.index, old: day[0], text: like(day[0], toDay) },
      ]),
    )
  }
  const year = /(?<!\d)(?:19|20)\d{2}(?!\d)/.exec(text)
  return year === null ? null : { year: Number(year[0]), month: null, day: null, write: null }
}

function real(year: number, month: number, day: number, write: NonNullable<Written['write']>): Written | null {
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year)
  const is = month >= 1 && month <= 12 && day >= 1 && date.getUTCDate() === day && date.getUTCMonth() === month - 1
  return is ? { year, month, day, write } : null
}

/** The same form, so many days later; null where it holds no whole date, or where another year would not fit into it. */
export function shifted(text: string, days: number): string | null {
  const written = readDate(text)
  if (written === null || written.write === null) return null
  const { year, month, day, write } = written
  if (year === null || month === null || day === null) return null
  const date = new Date(Date.UTC(year, month - 1, day + days))
  const to = date.getUTCFullYear()
  if (to < 1000 || to > 9999) return null
  const made = write(to, date.getUTCMonth() + 1, date.getUTCDate())
  const back = readDate(made)
  // A form that would be read otherwise (day and month change places) would not keep intervals.
  return back?.year === to && back.month === date.getUTCMonth() + 1 && back.day === date.getUTCDate() ? made : null
}

/** A year of two digits lies within the 80 years before 2030. */
function yearOf(digits: string): number {
  const year = Number(digits)
  return digits.length > 2 ? year : year < 30 ? 2000 + year : 1900 + year
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, '0')
}

/** With a leading nought where the old one had two digits. */
function like(old: string, value: number): string {
  return pad(value, old.length === 2 ? 2 : 1)
}

function cased(old: string, made: string): string {
  if (old === old.toUpperCase()) return made.toUpperCase()
  return old.charAt(0) === old.charAt(0).toUpperCase() ? made.charAt(0).toUpperCase() + made.slice(1) : made
}

function replaced(text: string, parts: { at: number; old: string; text: string }[]): string {
  let made = ''
  let from = 0
  for (const part of parts.sort((a, b) => a.at - b.at)) {
    made += text.slice(from, part.at) + part.text
    from = part.at + part.old.length
  }
  return made + text.slice(from)
}
