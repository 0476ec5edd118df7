import type { Span } from '../../../plugins/redaction/detect/detector.ts'
import { ENTITIES, isEntity } from '../../../plugins/redaction/entity.ts'
import { operatorFor, type Params, scoreFor } from '../../../plugins/redaction/params.ts'
import { ownFirst } from '../../../plugins/redaction/resolve.ts'

/** From this score on a finding counts where nothing else is said, and where too much is rather taken than too little. */
const USUAL = 0.5
const RECALL = 0.2

export type Choice = Readonly<{ types: ReadonlySet<string> | null; params: Params | null; recall: boolean }>

/** Which spans are told: of the types asked for, else of those that the profile does something about; flags and foreign tokens only where asked for. */
export function chosen(spans: readonly Span[], { types, params, recall }: Choice): readonly Span[] {
  const usual = recall ? RECALL : USUAL
  const isScored = ({ type, score }: Span): boolean =>
    score >= (params === null ? usual : scoreFor(recall ? recalling(params) : params, type))
  const counts = (span: Span): boolean => isScored(span) && (params === null || operatorFor(params, span.type) !== null)
  return ownFirst(spans, counts).filter((span) => {
    const { type } = span
    if (!isScored(span)) return false
    if (types !== null) return types.has(type)
    if (type === 'TOKEN' || (isEntity(type) && ENTITIES[type].family === 'flag')) return false
    if (params === null) return true
    const operator = operatorFor(params, type)
    return operator !== null && operator.operator !== 'keep'
  })
}

/** A profile's params, with lower scores that count. */
export function recalling(params: Params): Params {
  const scores = new Map([...params.scores].map(([type, score]) => [type, Math.min(score, RECALL)]))
  return { ...params, minScore: Math.min(params.minScore, RECALL), scores }
}
