import type { Finding, Plugin, Segment } from '../../src/index.ts'

/**
 * An inspector: reports where a code name of a project stands in a call or an answer. It decides nothing; a policy sees how many
 * findings of type `codename` there are, and says what that means (policies/controls/codenames).
 */
export function codenames(names: readonly string[]): Plugin {
  const pattern = new RegExp(`\\b(?:${names.map((name) => RegExp.escape(name)).join('|')})\\b`, 'gi')
  const find = ({ pointer, text }: Segment): Finding[] =>
    [...text.matchAll(pattern)].map(({ index, 0: { length } }) => ({
      type: 'codename',
      pointer,
      start: index,
      end: index + length,
      score: 1,
    }))
  return {
    name: 'codenames',
    // So much of a stream is held back, lest a name pass in two pieces.
    span: Math.max(...names.map(({ length }) => length)),
    inspect: async (_phase, segments) => segments.flatMap(find),
  }
}
