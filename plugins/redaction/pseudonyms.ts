import { surrogateOf } from './surrogate.ts'
import { keyed, lettersOf, type TenantKeys, tokenOf } from './token.ts'
import { normalised, partsOfName } from './value.ts'

/** What stands for a value in what was sent: a token, or a surrogate. `value` as it was written there. Lives no longer than its call. */
export type Live = Readonly<{ token: string; value: string; type: string }>

/** A value as it was found: `surface` is put back, `value` tells whether it is another's. */
export type Said = Readonly<{ type: string; surface: string; value: string }>

/** Stands for values of one call. The same calls of {@link Pseudonyms.of} in the same order have the same answers, in every process. */
export type Pseudonyms = Readonly<{
  /** Must be called in the order in which values first appear: they are numbered by it. */
  of(said: Said, operator: 'token' | 'surrogate'): string
  live(): readonly Live[]
}>

/** `names`: the parts of the fullest name that is known of a person. */
type Value = { readonly number: number; readonly forms: Map<string, string>; names: readonly string[] }
type Numbering = { next: number; readonly values: Map<string, Value>; readonly byName: Map<string, Value | null> }

/** What a stand-in must not be, since it is there already. */
export type Taken = Readonly<{
  /** Token-shaped text that stands where nothing can be edited. */
  token: (text: string) => boolean
  /** Any text of the call that is sent as it is. */
  surrogate: (text: string) => boolean
}>

/**
 * No state is kept between calls: chat clients send their whole history again, restored, and so each call numbers it again in the same way (45 CFR
 * 164.514(c): the code is not derived from the value; its check characters are a MAC that only this gateway can make). What is taken depends on nothing that a
 * later turn adds, but for the rare text that is somebody's surrogate.
 */
export function createPseudonyms(keys: TenantKeys, taken: Taken): Pseudonyms {
  const numberings = new Map<string, Numbering>()
  const live = new Map<string, Live>()
  let shift: number | null = null

  function numberingOf(type: string): Numbering {
    const known = numberings.get(type)
    if (known !== undefined) return known
    const made: Numbering = { next: 1, values: new Map(), byName: new Map() }
    numberings.set(type, made)
    return made
  }

  /** One offset for all dates of a conversation, in days: intervals and days of the week survive. From its first date, which a replay begins with too. */
  function shiftOf(first: string): number {
    if (shift !== null) return shift
    const digest = keyed(keys.shift, [first])
    const weeks = 1 + (digest.readUInt16BE(0) % 52)
    shift = (digest.readUInt8(2) & 1) === 0 ? 7 * weeks : -7 * weeks
    return shift
  }

  function tokenFor(type: string, surface: string, value: Value): string {
    for (let form = value.forms.size; ; form++) {
      const token = tokenOf(keys, type, value.number, lettersOf(form), surface)
      if (!live.has(token) && !taken.token(token) && !token.endsWith(`_${surface.toLowerCase()}`)) return token
    }
  }

  function numbered({ type, value: read }: Said): Value {
    const numbering = numberingOf(type)
    const { values, byName } = numbering
    const key = normalised(type, read)
    const known = values.get(key)
    if (known !== undefined) return known
    const names = type === 'PERSON' ? partsOfName(key) : []
    const value = aliasOf(byName, names) ?? { number: numbering.next++, forms: new Map(), names }
    values.set(key, value)
    if (names.length > value.names.length) value.names = names
    for (const name of names) {
      const other = byName.get(name)
      // A name that two people bear stands for neither of them.
      byName.set(name, other === undefined || other === value ? value : null)
    }
    return value
  }

  return {
    of(said, operator) {
      const { type, surface } = said
      const value = numbered(said)
      const before = value.forms.get(`${operator} ${surface}`)
      if (before !== undefined) return before
      const surrogate =
        operator === 'surrogate'
          ? surrogateOf(type, said.value, {
              number: value.number,
              check: keyed(keys.check, ['surrogate', type, surface]).readUInt32BE(0),
              days: type === 'DATE' ? shiftOf(normalised(type, said.value)) : 0,
            })
          : null
      const usable = surrogate !== null && surrogate !== surface && !live.has(surrogate) && !taken.surrogate(surrogate)
      const token = usable ? surrogate : tokenFor(type, surface, value)
      value.forms.set(`${operator} ${surface}`, token)
      live.set(token, { token, value: surface, type })
      return token
    },
    live: () => [...live.values()],
  }
}

/** Whom a name means that is one of the names of exactly one person seen before, or that holds the only name of one: `Smith` of `John Smith`, either way. */
function aliasOf(byName: ReadonlyMap<string, Value | null>, names: readonly string[]): Value | null {
  if (names.length === 1) return byName.get(names[0] ?? '') ?? null
  let found: Value | null = null
  for (const name of names) {
    const value = byName.get(name)
    if (value === undefined || value === null || value.names.length > 1 || value === found) continue
    if (found !== null) return null
    found = value
  }
  return found
}
