import { CustomhouseError } from '../core/errors.ts'
import type { Diagnostic, Place } from './toolchain/diagnostic.ts'
import { fold } from './toolchain/fold.ts'
import type { Fault } from './toolchain/protocol.ts'
import { sentenceOf } from './toolchain/sentence.ts'

export type { Diagnostic, Place }

/** A policy that cannot be compiled, with every diagnostic, and the texts that they point into. */
export class PolicyCompileError extends CustomhouseError {
  readonly diagnostics: readonly Diagnostic[]
  readonly sources: Readonly<Record<string, string>>

  constructor(diagnostics: readonly Diagnostic[], sources: Readonly<Record<string, string>> = {}) {
    const first = diagnostics[0]
    const place = first === undefined ? '.' : `: ${placeOf(first)}${first.message}`
    const count = diagnostics.length === 1 ? 'one fault' : `${diagnostics.length} faults`
    super('ERR_POLICY_COMPILE', `The policy has ${count}${place}`)
    this.diagnostics = diagnostics
    this.sources = sources
  }
}

/** A fault in a file that OPA never sees, because it could not be read as data, schema or text. */
export function sourceFault(file: string, message: string, line = 1, column = 1, width = 1): Diagnostic {
  return {
    file,
    line,
    column,
    width: Math.max(1, width),
    code: 'customhouse_source_error',
    message,
    cause: message,
    related: [],
  }
}

/**
 * Translates what OPA reports into diagnostics, in the order of the files, with follow-ups folded under their cause.
 * @param sources path -> text of the files that the faults point into.
 */
export function explainFaults(faults: readonly Fault[], sources: Readonly<Record<string, string>>): Diagnostic[] {
  return fold(
    faults.map((fault) => {
      const lines = (sources[fault.file ?? ''] ?? '').split('\n')
      return { fault, diagnostic: sentenceOf(fault, lines) }
    }),
  )
}

/**
 * Prints diagnostics for people: place and sentence, the line of source with the wrong part underlined, and the related
 * places. Ends with a newline unless there are none.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Readonly<Record<string, string>> = {},
): string {
  return diagnostics
    .map((diagnostic) => {
      const parts = [`${placeOf(diagnostic)}${diagnostic.message}`]
      const line = sources[diagnostic.file]?.split('\n')[diagnostic.line - 1]
      if (line !== undefined) parts.push(excerpt(line, diagnostic))
      for (const { file, line: row, column, message } of diagnostic.related) {
        const where = file === diagnostic.file ? `${row}:${column}` : `${file}:${row}:${column}`
        parts.push(`  ${where}: ${message}`)
      }
      return `${parts.join('\n')}\n`
    })
    .join('\n')
}

function placeOf({ file, line, column }: Place): string {
  return file === '' ? '' : `${file}:${line}:${column}: `
}

function excerpt(line: string, { line: row, column, width }: Diagnostic): string {
  const points = [...line.replace(/\r$/, '')]
  const before = points.slice(0, column - 1).map(shown)
  const marked = points.slice(column - 1, column - 1 + width).map(shown)
  const cells = (parts: readonly string[]): number => parts.reduce((sum, part) => sum + cellsOf(part), 0)
  const number = String(row)
  return [
    `  ${number} | ${points.map(shown).join('')}`,
    `  ${' '.repeat(number.length)} | ${' '.repeat(cells(before))}${'^'.repeat(Math.max(1, cells(marked)))}`,
  ].join('\n')
}

const TAB = '    '

/** What would move the cursor is not shown as it is. */
function shown(point: string): string {
  if (point === '\t') return TAB
  return /\p{Cc}/u.test(point) ? '\ufffd' : point
}

/** How many cells of a terminal it takes. */
function cellsOf(text: string): number {
  if (text === TAB) return TAB.length
  if (/^\p{M}$/u.test(text)) return 0
  const wide = /^[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{Emoji_Presentation}\uff00-\uff60]$/u
  return wide.test(text) ? 2 : 1
}
