import { parse } from 'tldts'
import { isWordUnit } from '../tokens.ts'

const DOT = 0x2e
const HYPHEN = 0x2d
/** RFC 1035 allows 253; an address of more is none that a type's bound would hold. */
const LONGEST = 253
/** Names in use have few; bounds the work at `a.a.a.a`. */
const MOST_LABELS = 10
/** Used inside of houses, never delegated (RFC 2606, 6761, 6762 and custom). */
const INSIDE = new Set(
  'local internal lan corp home localhost test example invalid localdomain intranet private arpa onion'.split(' '),
)
const ICANN = { allowPrivateDomains: false, extractHostname: false, validateHostname: false } as const

/** Names at which the same labels are asked for again and again; kept small, holds only top-level names. */
const known = new Map<string, boolean>()

/** Whether a label is a delegated top-level domain, ASCII, punycode or Unicode. */
export function isTopLevel(label: string): boolean {
  const lower = label.toLowerCase()
  if (lower.length < 2 || lower.length > 24) return false
  const before = known.get(lower)
  if (before !== undefined) return before
  const read = parse(`x.${lower}`, ICANN)
  const is = read.isIcann === true && read.publicSuffix === lower
  if (known.size > 4096) known.clear()
  known.set(lower, is)
  return is
}

/** A domain name in a text: where it ends, its last label, how many labels; `delegated` by {@link isTopLevel}, `inside` one of the reserved names. */
export type Domain = Readonly<{
  end: number
  last: string
  lastStart: number
  labels: number
  delegated: boolean
  inside: boolean
}>

/** The domain name that begins at an offset, cut behind the last label that can be a top-level one; `null` where there are not two labels. */
export function domainFrom(text: string, at: number): Domain | null {
  let i = at
  let labelStart = at
  let labels = 0
  let unknown: Domain | null = null
  let best: Domain | null = null
  while (i - at <= LONGEST) {
    const unit = text.charCodeAt(i)
    if (i < text.length && (unit === HYPHEN || isWordUnit(unit)) && !(unit === HYPHEN && i === labelStart)) {
      i += 1
      continue
    }
    let end = i
    while (end > labelStart && text.charCodeAt(end - 1) === HYPHEN) end -= 1
    if (end === labelStart || end - labelStart > 63) break
    labels += 1
    if (labels > 1) {
      const last = text.slice(labelStart, end)
      const delegated = isTopLevel(last)
      const inside = !delegated && INSIDE.has(last.toLowerCase())
      const domain = { end, last, lastStart: labelStart, labels, delegated, inside }
      if (delegated || inside) best = domain
      else unknown ??= domain
    }
    if (unit !== DOT || end !== i || labels === MOST_LABELS) break
    i += 1
    labelStart = i
  }
  return best ?? unknown
}
