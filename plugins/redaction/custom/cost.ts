import type { RE2JS } from 're2js'

/** Bytes of each text that an entity is tried on. */
const PROBE = 256
/** How often each byte of one may be read. Plain patterns read it one to three times; one that matches short and looks far reads it a hundred times. */
const MOST_READS = 8
/** Of the pattern's own characters and words, the first so many. */
const MOST_OWN = 24
const USUAL: readonly string[] = ['a', 'A', '0', ' ', '-', '.', '@', '_', '\n', 'é', 'a ', '0 ', 'a1', 'a-', '0-', 'A0']

class TooOften extends Error {}

/**
 * Whether finding every match of a pattern takes much more than one pass: `a.*b|a` matches each `a` of a run, and looks to the end of it each time. RE2 is
 * linear for one match, not for all of them. Counted in reads of the text, so that the answer does not depend on the machine.
 */
export function looksFar(source: string, regex: RE2JS): boolean {
  return [...unitsOf(source)].some((unit) => isReadTooOften(unit, regex))
}

function isReadTooOften(unit: string, regex: RE2JS): boolean {
  const text = unit.repeat(Math.ceil(PROBE / unit.length))
  let left = MOST_READS * text.length
  const counted = new Proxy(Array.from(Buffer.from(text)), {
    get(bytes, name) {
      if (name !== 'length' && left-- <= 0) throw new TooOften()
      return Reflect.get(bytes, name)
    },
  })
  try {
    const matcher = regex.matcher(counted)
    while (matcher.find());
    return false
  } catch (error) {
    if (error instanceof TooOften) return true
    throw error
  }
}

/** What is repeated: usual characters, those of the pattern, and its words, together and apart. */
function unitsOf(source: string): ReadonlySet<string> {
  const words = (source.match(/[A-Za-z0-9 -]{2,}/g) ?? []).slice(0, MOST_OWN)
  return new Set([...USUAL, ...[...new Set(source)].slice(0, MOST_OWN), ...words, ...words.map((word) => `${word} `)])
}
