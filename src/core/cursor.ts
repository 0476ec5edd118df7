import { CustomhouseError, type ErrorCode } from './errors.ts'
import { formatPointer } from './pointer.ts'

/**
 * Longest path of a value, UTF-16 units: the member names and indices on the way to it, `/` before each, names unescaped. Whoever reads the tree
 * names each leaf by its pointer, so a long name is paid for by every value below it; and V8 hashes strings of more than 16,383 units by
 * their length alone, so that a Map by such pointers is a list. A pointer is twice as long at most (`~1`).
 */
const LONGEST_PATH = 1_024
/** Units that the paths of all values of one text may have together; 64 a value where more values are allowed than this has room for. */
export const PATHS = 16_000_000

/** Where the parser stands in one text, and how much of it it may still read. */
export type Cursor = {
  readonly text: string
  readonly bytes: Uint8Array
  readonly depth: number
  readonly code: ErrorCode
  readonly what: string
  /** Where too many values, or too long names, end it. */
  readonly tooMuch: ErrorCode
  readonly most: number
  values: number
  /** Length of the path to where the cursor stands. */
  along: number
  /** What is left for the paths of further values. */
  paths: number
  at: number
  /** Whether the text so far is letter for letter what writeTree would write. */
  plain: boolean
  /** Member names and indices from the root down to where the cursor stands; only the first `level` count. */
  readonly path: (string | number)[]
  level: number
}

/** The text is well-formed so far, but too much. */
export function exceed({ tooMuch, what }: Cursor, found: string): never {
  throw new CustomhouseError(tooMuch, `${what} holds ${found}`)
}

/** Goes on to a member or an item of what begins at `base`; `step` is the length of its name or index. */
export function goTo(cursor: Cursor, base: number, step: number): void {
  cursor.along = base + 1 + step
  if (cursor.along > LONGEST_PATH) tooLong(cursor)
}

/** By line and column, since the names are what is too long. */
function tooLong(cursor: Cursor): never {
  const { line, column, offset } = position(cursor, cursor.at)
  throw new CustomhouseError(
    cursor.tooMuch,
    `${cursor.what} holds a value under member names of more than ${LONGEST_PATH} characters together, at line ${line}, column ${column} (byte ${offset}); shorten the names`,
    { detail: { offset, line, column } },
  )
}

function position({ text }: Cursor, at: number): Readonly<{ offset: number; line: number; column: number }> {
  const before = text.slice(0, at)
  return {
    offset: Buffer.byteLength(before),
    line: before.split('\n').length,
    column: at - before.lastIndexOf('\n'),
  }
}

/** Throws what parseTree says of a text that is no strict JSON. */
export function fail(cursor: Cursor, found: string, at: number = cursor.at): never {
  const { line, column, offset } = position(cursor, at)
  const path = cursor.path.slice(0, cursor.level)
  const where = formatPointer(path.map((step) => (/^(?:[A-Za-z_-]{1,40}|[0-9]{1,9})$/.test(String(step)) ? step : '*')))
  throw new CustomhouseError(
    cursor.code,
    `${cursor.what} is not strict JSON: ${found}, at line ${line}, column ${column} (byte ${offset}), in ${where === '' ? 'the root' : where}`,
    { detail: { offset, line, column } },
  )
}
