import { constant } from '../core/canonical.ts'
import type { FindingFact, Obligation, Reason } from '../core/decision.ts'
import type { Json } from '../core/json.ts'

/**
 * Free text of policies and plugins as a record may hold it. A leaf has 65,535 bytes at most and a record that is refused for its size is a
 * denial without evidence, so lists are cut here, and the record says so (`cut`). Bytes are those of the canonical form.
 */
const MESSAGE = 500
const NAME = 128
const REASONS = { most: 20, bytes: 24_000 }
const FINDINGS = { most: 100, bytes: 12_000 }
const TYPES = { most: 100, bytes: 12_000 }
/** Beside a reason, whose own bytes count above. */
const CONTROLS = 20

export type Brief = Readonly<{ json: Json & object; cut: boolean }>

/** A text no longer than `most` UTF-16 units, with a mark where something was cut; what has no canonical form is replaced. */
export function brief(text: string, most: number = MESSAGE): string {
  const kept = text.length > most ? `${text.slice(0, most - 1)}…` : text
  return kept.isWellFormed() ? kept : kept.toWellFormed()
}

const NONE: Brief = { json: constant([]), cut: false }

export function briefReasons(reasons: readonly Reason[]): Brief {
  return list(reasons, REASONS, ({ control, controls, message, rule }) => ({
    control: brief(control, NAME),
    controls: controls.slice(0, CONTROLS).map((name) => brief(name, NAME)),
    message: brief(message),
    rule: brief(rule, NAME),
  }))
}

export function briefFindings(findings: readonly FindingFact[]): Brief {
  return list(findings, FINDINGS, ({ type, count }) => ({ count, type: brief(type, NAME) }))
}

export function briefTypes(obligations: readonly Obligation[]): Brief {
  return list(obligations, TYPES, ({ type }) => brief(type, NAME))
}

function list<T>(
  items: readonly T[],
  bounds: Readonly<{ most: number; bytes: number }>,
  write: (item: T) => Json,
): Brief {
  if (items.length === 0) return NONE
  const json: Json[] = []
  let bytes = 0
  for (const item of items) {
    const written = write(item)
    bytes += Buffer.byteLength(JSON.stringify(written)) + 1
    if (json.length === bounds.most || bytes > bounds.bytes) return { json, cut: true }
    json.push(written)
  }
  return { json, cut: false }
}
