import type { Span } from '../../../plugins/redaction/detect/detector.ts'

/** Spans of a text, one a line: type, place (line:column from 1, in UTF-16 units), length, score, and with `explain` the rule. No text of it. */
export function tableOf(text: string, spans: readonly Span[], explain: boolean): string {
  const head = ['TYPE', 'PLACE', 'LENGTH', 'SCORE', ...(explain ? ['RULE'] : [])]
  let line = 1
  let begin = 0
  const rows = spans.map(({ start, end, type, score, rule }) => {
    for (let at = text.indexOf('\n', begin); at >= 0 && at < start; at = text.indexOf('\n', begin)) {
      line += 1
      begin = at + 1
    }
    const cells = [type, `${line}:${start - begin + 1}`, String(end - start), score.toFixed(2)]
    return explain ? [...cells, rule] : cells
  })
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map((row) => row[at]?.length ?? 0)))
  return [head, ...rows]
    .map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
    .map((row) => `${row}\n`)
    .join('')
}
