import type { Finding, Plugin, Segment } from '../../src/index.ts'
import { type Pieces, wordPieces } from './wordpiece.ts'

/** What of onnxruntime-node is used here. It is a dependency of the program that has it, and not of this file. */
export type Session = Readonly<{
  run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, Readonly<{ data: unknown }>>>>
}>
export type Model = Readonly<{
  session: Session
  /** `(ids) => new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length])` */
  tensor: (ids: readonly number[]) => unknown
  /** Text of vocab.txt. */
  vocabulary: string
  /** `id2label` of config.json: `B-SURNAME`, `I-SURNAME`, `O`. */
  labels: Readonly<Record<string, string>>
  /** Entity types by what follows `B-` and `I-`; labels without one are left alone. */
  types: Readonly<Record<string, string>>
  /** Least probability that a piece is a part of something. Default 0.5. */
  least?: number
}>

/** Pieces in one run of the model, and how many of them it has seen before, so that what a window's end cuts is read whole in the next. */
const WINDOW = 254
const OVERLAP = 32

/**
 * An inspector with a model of your own for names: a token classifier in ONNX on uncased WordPiece. What it finds is for policies, and `redact` takes it out as it does
 * what the gateway's own inspector finds. One run at a time: what waits too long is late, and its call denied.
 */
export function names(model: Model): Plugin {
  const cut = wordPieces(model.vocabulary)
  const special = (name: string): number => model.vocabulary.split(/\r?\n/).indexOf(name)
  const [begin, end] = [special('[CLS]'), special('[SEP]')]
  const types = Object.values(model.labels).map((label) => model.types[label.slice(2)])
  let last: Promise<unknown> = Promise.resolve()

  async function read(segment: Segment, signal: AbortSignal): Promise<readonly Finding[]> {
    const pieces = cut(segment.text)
    const found: Marked[] = []
    for (let from = 0; from < pieces.ids.length; from += WINDOW - OVERLAP) {
      signal.throwIfAborted()
      const ids = [begin, ...pieces.ids.slice(from, from + WINDOW), end]
      const { logits } = await model.session.run({
        input_ids: model.tensor(ids),
        attention_mask: model.tensor(ids.map(() => 1)),
        token_type_ids: model.tensor(ids.map(() => 0)),
      })
      if (!(logits?.data instanceof Float32Array)) throw new TypeError('the model gave no logits')
      // Of what two windows saw, the second knows more of what follows, the first of what goes before: the middle of the overlap parts them.
      const first = from === 0 ? 0 : OVERLAP / 2
      for (let at = first; at < ids.length - 2; at++) {
        found[from + at] = best(logits.data, at + 1, types)
      }
      if (from + WINDOW >= pieces.ids.length) break
    }
    return joined(segment, pieces, found, model.least ?? 0.5)
  }

  return {
    name: 'names',
    span: 100,
    inspect(_phase, segments, signal) {
      const turn = last.then(async () => {
        const found: Finding[] = []
        for (const segment of segments) found.push(...(await read(segment, signal)))
        return found
      })
      last = turn.catch(() => undefined)
      return turn
    },
  }
}

type Marked = Readonly<{ type: string | null; score: number }>

/** The likeliest type of a piece, `B-` and `I-` together. */
function best(logits: Float32Array, piece: number, types: readonly (string | undefined)[]): Marked {
  const from = piece * types.length
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < types.length; i++) most = Math.max(most, logits[from + i] ?? most)
  let sum = 0
  const mass = new Map<string, number>()
  for (let i = 0; i < types.length; i++) {
    const weight = Math.exp((logits[from + i] ?? Number.NEGATIVE_INFINITY) - most)
    const type = types[i]
    sum += weight
    if (type !== undefined) mass.set(type, (mass.get(type) ?? 0) + weight)
  }
  let marked: Marked = { type: null, score: 0 }
  for (const [type, weight] of mass) if (weight / sum > marked.score) marked = { type, score: weight / sum }
  return marked
}

/** Pieces of one type that follow each other, over blanks as well, are one finding: given name and surname are one person. */
function joined(
  { pointer, text }: Segment,
  { starts, ends }: Pieces,
  found: readonly Marked[],
  least: number,
): Finding[] {
  const findings: Finding[] = []
  let goesOn = false
  for (const [index, { type, score }] of found.entries()) {
    const [start = 0, end = 0] = [starts[index], ends[index]]
    const before = goesOn ? findings.at(-1) : undefined
    goesOn = type !== null && score >= least
    if (type === null || !goesOn) continue
    if (before?.type === type && /^\s*$/.test(text.slice(before.end, start)))
      findings.splice(-1, 1, { ...before, end, score: Math.max(before.score, score) })
    else findings.push({ type, pointer, start, end, score })
  }
  return findings
}
