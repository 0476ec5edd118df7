import { unescaped, unescapedJson } from './escapes.ts'
import { writtenOut } from './exponents.ts'
import { folded, isFolded } from './fold.ts'
import { composed, type Mapped } from './mapped.ts'

/** Levels of escapes that are taken off, beyond the one that makes a JSON text JSON. */
const LEVELS = 2

const FOLDED = 1
const ESCAPED = 2
/** What a unit asks for. */
const ASKS = new Uint8Array(65_536)
for (let c = 0; c < 65_536; c++) ASKS[c] = isFolded(c) ? FOLDED : 0
for (const sign of '\\&%=') ASKS[sign.charCodeAt(0)] = ESCAPED

function asked(text: string): number {
  let all = 0
  for (let i = 0; i < text.length; i++) all |= ASKS[text.charCodeAt(i)] ?? 0
  return all
}

const same = (text: string): Mapped => ({ text, from: null, to: null })

/** A text without escapes, folded; told as made of `text`. The same string where nothing is to be done. */
export function normalised(text: string, json: boolean): Mapped {
  const out = json || looksJson(text) ? writtenOut(text) : null
  let all = asked(text)
  if (all === 0) return out ?? same(text)
  let now = out ?? same(text)
  if ((all & ESCAPED) !== 0) {
    if (json) now = then(now, unescapedJson(now.text))
    for (let level = 0; level < LEVELS; level++) {
      const next = unescaped(now.text)
      if (next === null) break
      now = composed(now, next)
    }
    all = asked(now.text)
  }
  return (all & FOLDED) === 0 ? now : composed(now, folded(now.text))
}

function then(outer: Mapped, inner: Mapped | null): Mapped {
  return inner === null ? outer : composed(outer, inner)
}

/** Whether a text that says nothing of itself is JSON: an object or a list from end to end. */
export function looksJson(text: string): boolean {
  return /^\s*[{[]/.test(text) && /[}\]]\s*$/.test(text.slice(-64))
}
