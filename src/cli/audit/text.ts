import type { AuditRecord } from '../../core/record.ts'

/** Names come from clients: what could steer a terminal is written as an escape. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** Examples for the help of a verb. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

/** How far an abandoned call had come, in a sentence; null for any other record. */
export function howFar({ body, kind }: AuditRecord): string | null {
  if (kind !== 'call.abandoned') return null
  const progress = Object.entries(body.progress ?? {})
  const said = (name: string): string => JSON.stringify(progress.find(([key]) => key === name)?.[1] ?? null)
  return progress.length === 0
    ? 'a crash ended it; nothing of its answer is on record: up to audit.progress_bytes of it may have been released'
    : `a crash ended it; ${said('bytes')} bytes of its answer are on record at seq ${said('seq')}: up to audit.progress_bytes more may have been released`
}
