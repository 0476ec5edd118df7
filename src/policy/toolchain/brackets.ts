type Open = Readonly<{ bracket: string; line: number; column: number }>

/** What is wrong with the brackets of a text, if they are to blame for a fault at a place. */
export type BracketFault = Open &
  (Readonly<{ kind: 'never'; wanted: string }> | Readonly<{ kind: 'mismatch'; found: string; wanted: string }>)

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/**
 * Looks for the bracket that makes the parser stumble at `row`:`column` (both from 1): one closed by the wrong bracket
 * there, or one that is never closed in the whole text although the rule it belongs to has ended.
 */
export function unclosed(lines: readonly string[], row: number, column: number): BracketFault | undefined {
  const stack: Open[] = []
  let raw = false
  for (const [index, line] of lines.entries()) {
    const points = [...line]
    // A rule begins at the margin: what is still open then was never closed.
    const first = stack[0]
    if (first !== undefined && !raw && index + 1 >= row && /^[a-z_]/i.test(line)) {
      const last = stack.at(-1) ?? first
      return { ...last, kind: 'never', wanted: CLOSING[last.bracket] ?? '' }
    }
    for (let i = 0; i < points.length; i++) {
      const point = points[i] ?? ''
      if (raw) {
        raw = point !== '`'
        continue
      }
      if (point === '#') break
      if (point === '`') raw = true
      else if (point === '"') i = endOfString(points, i)
      else if (point in CLOSING) stack.push({ bracket: point, line: index + 1, column: i + 1 })
      else if (')]}'.includes(point)) {
        const open = stack.pop()
        const wanted = open === undefined ? '' : (CLOSING[open.bracket] ?? '')
        if (open !== undefined && wanted !== point) {
          const here = index + 1 === row && i + 1 === column
          return here ? { ...open, kind: 'mismatch', found: point, wanted } : undefined
        }
      }
    }
  }
  const last = stack.at(-1)
  return last === undefined ? undefined : { ...last, kind: 'never', wanted: CLOSING[last.bracket] ?? '' }
}

function endOfString(points: readonly string[], start: number): number {
  let i = start + 1
  while (i < points.length && points[i] !== '"') i += points[i] === '\\' ? 2 : 1
  return i
}
