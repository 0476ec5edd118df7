import type { Diagnostic } from './diagnostic.ts'
import type { Fault, FaultDetail } from './protocol.ts'

/** What a sentence is made from: the fault, the lines of its file, and the rest of its line from its column on. */
export type Words = Readonly<{ fault: Fault; detail: FaultDetail; lines: readonly string[]; rest: string }>

/** A sentence, with a better place where we know one. */
export type Sentence = string | Readonly<{ message: string } & Partial<Omit<Diagnostic, 'code' | 'cause'>>>

export type SentenceTable = readonly (readonly [
  RegExp,
  (groups: readonly string[], words: Words) => Sentence | undefined,
])[]

/** The end of a sentence: `; did you mean ...?`, or a full stop. */
export function didYouMean(near: readonly string[] | undefined): string {
  if (near === undefined || near.length === 0) return '.'
  return `; did you mean ${alternatives(
    near.map((name) => `\`${name}\``),
    'or',
  )}?`
}

/** `a, b or c`. */
export function alternatives(list: readonly string[], word: 'and' | 'or'): string {
  return list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} ${word} ${list.at(-1)}`
}
