import { type Filter, RECORD_KINDS } from '../../audit/index.ts'
import { nearest } from '../../config.ts'
import { CustomhouseError } from '../../core/errors.ts'

/** What `audit search` may be asked for, as it was typed. */
export type Asked = Readonly<{
  tenant?: string
  kind?: string
  call?: string
  since?: string
  until?: string
  decision?: string
  rule?: string
  target?: string
  provider?: string
  model?: string
}>

const FAMILIES: ReadonlySet<string> = new Set([...RECORD_KINDS].map((kind) => kind.slice(0, kind.indexOf('.'))))
const EFFECTS = ['allow', 'deny']
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A filter from the command line. A word that no record can match is ERR_CLI_USAGE: "0 found" would read as "there is none". */
export function readFilter({ kind, since, until, decision, ...names }: Asked): Filter {
  const empty = Object.entries(names).find(([, value]) => value === '')
  if (empty !== undefined) throw usage(`--${empty[0]} has no value.`)
  return {
    ...names,
    ...(kind === undefined ? {} : { kinds: readKinds(kind) }),
    ...(since === undefined ? {} : { since: readInstant(since, '--since') }),
    ...(until === undefined ? {} : { until: readInstant(until, '--until') }),
    ...(decision === undefined ? {} : { decision: readDecision(decision) }),
  }
}

function readKinds(text: string): readonly string[] {
  return text.split(',').map((word) => {
    const kind = word.trim()
    if (RECORD_KINDS.has(kind) || FAMILIES.has(kind)) return kind
    throw usage(`--kind ${JSON.stringify(kind)} is no kind of record. ${hint(kind, [...FAMILIES, ...RECORD_KINDS])}`)
  })
}

function readDecision(text: string): string {
  if (EFFECTS.includes(text) || ID.test(text)) return text
  throw usage(
    `--decision ${JSON.stringify(text)} is neither allow, nor deny, nor the id of a decision. ${hint(text, EFFECTS)}`,
  )
}

function readInstant(text: string, option: string): string {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw usage(`${option} ${text} is no time. Write it as 2026-11-24T00:00:00Z.`)
  return new Date(time).toISOString()
}

function hint(word: string, known: readonly string[]): string {
  const near = nearest(word, known)
  return near === null ? `Known: ${known.join(', ')}.` : `Did you mean ${near}?`
}

function usage(message: string): CustomhouseError {
  return new CustomhouseError('ERR_CLI_USAGE', message)
}
