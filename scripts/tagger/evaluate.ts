import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import type { Model } from '../../plugins/redaction/tagger/model.ts'
import { taggerOf } from '../../plugins/redaction/tagger/tag.ts'
import type { Document } from './corpus.ts'

/** F1 by type at exactly the same span and at a score of 0.5, and the share of gold characters covered, of clean ones too. */
export function evaluate(model: Model, documents: readonly Document[]): string {
  const tag = taggerOf(model)
  const counts = new Map<string, { gold: number; found: number; right: number }>()
  const of = (type: string) => {
    const known = counts.get(type) ?? { gold: 0, found: 0, right: 0 }
    counts.set(type, known)
    return known
  }
  let inside = 0
  let covered = 0
  let outside = 0
  let wrongly = 0
  for (const { text, spans } of documents) {
    const found: Span[] = []
    tag({ text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } }, found)
    const used = found.filter((span) => span.score >= 0.5)
    const is = new Uint8Array(text.length)
    for (const { start, end, type } of spans) {
      is.fill(1, start, end)
      of(type).gold += 1
      if (used.some((span) => span.start === start && span.end === end && span.type === type)) of(type).right += 1
    }
    const has = new Uint8Array(text.length)
    for (const { start, end, type } of used) {
      has.fill(1, start, end)
      of(type).found += 1
    }
    for (let i = 0; i < text.length; i++) {
      if (is[i] === 1) inside += 1
      else outside += 1
      if (has[i] === 1 && is[i] === 1) covered += 1
      if (has[i] === 1 && is[i] === 0) wrongly += 1
    }
  }
  const parts = [...counts].map(([type, { gold, found, right }]) => `${type} ${percent((2 * right) / (gold + found))}`)
  return `F1 exact ${parts.join(', ')}; leak recall ${percent(covered / inside)}, over-redaction ${percent(wrongly / outside)}`
}

const percent = (share: number): string => (share * 100).toFixed(1)
