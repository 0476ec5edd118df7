/** Elements of Go's reference time (time/format.go, nextStdChunk), longest first where one begins another. */
const ELEMENTS = [
  'January',
  'Jan',
  'Monday',
  'Mon',
  'MST',
  '002',
  '01',
  '02',
  '03',
  '04',
  '05',
  '06',
  '15',
  '1',
  '2006',
  '2',
  '_2006',
  '_2',
  '__2',
  '3',
  '4',
  '5',
  'PM',
  'pm',
  '-070000',
  '-07:00:00',
  '-0700',
  '-07:00',
  '-07',
  'Z070000',
  'Z07:00:00',
  'Z0700',
  'Z07:00',
  'Z07',
] as const

export type Element = (typeof ELEMENTS)[number] | 'fraction0' | 'fraction9'
/** A literal text, then an element (null at the end); `digits` of a fraction. */
export type Chunk = Readonly<{ prefix: string; element: Element | null; digits: number; mark: string }>

const NAMED: Readonly<Record<string, string>> = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: '2006-01-02T15:04:05Z07:00',
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
}

function elementAt(
  layout: string,
  at: number,
): { element: Element; length: number; skip: number; digits: number } | null {
  const fraction = /^[.,](0+|9+)(?!\d)/.exec(layout.slice(at))
  const run = fraction?.[1]
  if (run !== undefined)
    return {
      element: run.startsWith('0') ? 'fraction0' : 'fraction9',
      length: run.length + 1,
      skip: 0,
      digits: run.length,
    }
  const element = ELEMENTS.find((name) => layout.startsWith(name, at))
  if (element === undefined) return null
  // "Jan" and "Mon" are none in "Janus" and "Month".
  if ((element === 'Jan' || element === 'Mon') && /^[a-z]/.test(layout.slice(at + 3))) return null
  // "_2006" is an underscore and a year.
  if (element === '_2006') return { element: '2006', length: 5, skip: 1, digits: 0 }
  return { element, length: element.length, skip: 0, digits: 0 }
}

/** Takes a layout, or the name that OPA gives to one of Go's, apart. */
export function chunksOf(name: string): Chunk[] {
  const layout = Object.hasOwn(NAMED, name) ? (NAMED[name] ?? name) : name
  const chunks: Chunk[] = []
  let from = 0
  for (let at = 0; at < layout.length; ) {
    const found = elementAt(layout, at)
    if (found === null) {
      at += 1
      continue
    }
    const prefix = layout.slice(from, at + found.skip)
    chunks.push({ prefix, element: found.element, digits: found.digits, mark: layout[at] ?? '' })
    at += found.length
    from = at
  }
  return [...chunks, { prefix: layout.slice(from), element: null, digits: 0, mark: '' }]
}

export const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const
export const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
