/** What word lists know of a word: bits of a {@link Gazetteer} entry. */
export const FIRST = 1
export const LAST = 2
export const PLACE = 4
/** Part of the name of a country, state or region, or the name of a large city. */
export const REGION = 8
/** An ordinary word of English, Spanish, German, French, Italian, Portuguese or Dutch; `COMMON` one of the most frequent. */
export const WORD = 16
export const COMMON = 32
/** Usual in names of organisations: Bank, Ltd, GmbH, Hospital. */
export const ORGANISATION = 64
/** Of a wide list of first and last names, that holds many ordinary words too. */
export const NAME = 128

/**
 * Word lists as an open hash table of 16-bit fingerprints, so that no name can be read back from it. `bits[slot]` is 0 where a slot is free. The size is a
 * power of two, at most 90 % full: a probe is short, and of 65,536 unknown words about two are taken for known.
 */
export type Gazetteer = Readonly<{ mark: Uint16Array; bits: Uint8Array }>

/** The bits of a word, by its 32-bit hash (../detect/tokens.ts); 0 for an unknown one. */
export function lookUp(gazetteer: Gazetteer, hash: number): number {
  const { mark, bits } = gazetteer
  const most = mark.length - 1
  const mixed = mixOf(hash)
  const print = mixed >>> 16
  let at = (mixed ^ hash) & most
  while (true) {
    const is = bits[at] ?? 0
    if (is === 0 || mark[at] === print) return is
    at = (at + 1) & most
  }
}

/** Builds a table of `2 ** log` slots. Throws RangeError where the words fill more than 90 % of it. */
export function gazetteerOf(words: ReadonlyMap<number, number>, log: number): Gazetteer {
  const size = 2 ** log
  if (words.size > size * 0.9) throw new RangeError(`${words.size} words do not fit into ${size} slots`)
  const mark = new Uint16Array(size)
  const bits = new Uint8Array(size)
  for (const [hash, is] of words) {
    const mixed = mixOf(hash)
    let at = (mixed ^ hash) & (size - 1)
    while (bits[at] !== 0 && mark[at] !== mixed >>> 16) at = (at + 1) & (size - 1)
    mark[at] = mixed >>> 16
    bits[at] = (bits[at] ?? 0) | is
  }
  return { mark, bits }
}

/** The last step of MurmurHash3: every bit of it depends on every bit of the hash. */
function mixOf(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
