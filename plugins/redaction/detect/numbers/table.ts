import type { Reading } from '../detector.ts'

/** Units of a row in front of a value, and of a table's head, that are read; a row further below its head is none of it. */
const LONGEST_ROW = 600
const MOST_ROWS = 200
const LONGEST_CELL = 40
const MOST_WORDS = 5

/** The row that was read last. One reading at a time; `text` is let go by {@link leaveTable}. */
let text = ''
let rowStart = -1
let rowEnd = -1
let head: readonly string[] | null = null
let mark = ''
/** Whether nothing of a table stood above that row: it may be the head of those below. */
let first = true

export function enterTable({ text: next }: Reading): void {
  text = next
  rowStart = -1
  rowEnd = -1
  head = null
  mark = ''
  first = true
}

export function leaveTable(): void {
  text = ''
  head = null
}

/**
 * The head of the column that a value stands in: of lines whose cells are parted by commas, semicolons, tabs or bars, the cell in the first of them. Null
 * where there is no table. A line is looked at once, however many values it has.
 */
export function columnHead(start: number): string | null {
  if (start < rowStart || start >= rowEnd) readRow(start)
  if (head === null || start - rowStart > LONGEST_ROW) return null
  let column = 0
  for (let i = rowStart; i < start; i++) if (text.charAt(i) === mark) column += 1
  let at = start - 1
  while (at >= rowStart && ' "\'`*'.includes(text.charAt(at))) at -= 1
  if (at >= rowStart && text.charAt(at) !== mark) return null
  return head[column] ?? null
}

function readRow(start: number): void {
  const before = rowStart
  const known = head
  const below = !first
  first = true
  rowStart = text.lastIndexOf('\n', start - 1) + 1
  const end = text.indexOf('\n', start)
  rowEnd = end < 0 ? text.length : end
  head = null
  if (rowStart === 0) return
  const row = text.slice(rowStart, Math.min(rowEnd, rowStart + LONGEST_ROW))
  const parts = ['\t', '|', ';', ','].find((one) => row.includes(one))
  if (parts === undefined) return
  let top = -1
  let at = rowStart
  for (let rows = 0; rows < MOST_ROWS && at > 0; rows++) {
    const above = at < 2 ? 0 : text.lastIndexOf('\n', at - 2) + 1
    if (above === before && below && parts === mark) {
      head = known
      first = false
      return
    }
    if (at - above > LONGEST_ROW || !text.slice(above, at).includes(parts)) break
    top = above
    at = above
  }
  mark = parts
  if (top < 0) return
  first = false
  const cells = text.slice(top, text.indexOf('\n', top)).split(parts)
  const isHead = cells.every((cell) => cell.length <= LONGEST_CELL && cell.trim().split(/\s+/).length <= MOST_WORDS)
  if (
    isHead &&
    cells.length > 1 &&
    !cells.some((cell) => /\d{3}/.test(cell)) &&
    row.split(parts).length >= cells.length
  )
    head = cells
}
