import { randomBytes } from 'node:crypto'
import type { Span } from '../../../plugins/redaction/detect/detector.ts'
import type { Params } from '../../../plugins/redaction/params.ts'
import { redact } from '../../../plugins/redaction/redact.ts'
import { tenantKeys } from '../../../plugins/redaction/token.ts'
import { MOUNTS } from '../../compose/mounts.ts'
import type { Dialect, Finding, ModelCall, Reference, Segment } from '../../core/call.ts'
import type { FindingFact } from '../../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import { newId } from '../../core/id.ts'
import type { JsonTree } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { Codec } from '../../core/port.ts'
import { treeToJson } from '../../core/tree.ts'
import { rewrite } from '../../dialects/edits.ts'
import { Tally } from '../../pipeline/tally.ts'

/** What is shown of a file: its segments, and what it looks like with edits made. */
export type Subject = Readonly<{
  /** The dialect that it was read in; null: it is plain text. */
  dialect: Dialect | null
  segments: readonly Segment[]
  /** Names of the tools that the call declares. */
  tools: readonly string[]
  references: readonly Reference[]
  before: string
  after: (edits: Parameters<typeof rewrite>[1]) => string
}>

/** The paths that calls of a dialect are sent to, below its prefix. */
const PATHS: Readonly<Record<Dialect, string>> = {
  'openai.chat': '/chat/completions',
  'anthropic.messages': '/v1/messages',
  'bedrock.converse': '/model/model/converse',
  'bedrock.invoke': '/model/model/invoke',
}

/** Reads a file as the body of a call, else as plain text. @throws ERR_CLI_USAGE where it is no call of the dialect that was asked for */
export function subjectOf(bytes: Uint8Array, dialect: Dialect | 'auto' | 'text'): Subject {
  const tree = dialect === 'text' ? null : treeOf(bytes, dialect)
  if (tree instanceof Map) {
    const asked = dialect === 'auto' || dialect === 'text' ? null : dialect
    for (const codec of codecs(asked, bytes)) {
      const call = readBy(codec, bytes, asked)
      if (call !== null) return ofCall(call)
    }
  }
  return ofText(textOf(bytes))
}

function treeOf(bytes: Uint8Array, dialect: Dialect | 'auto'): JsonTree {
  try {
    return parseTree(bytes)
  } catch (error) {
    if (dialect === 'auto' && isCustomhouseError(error, 'ERR_CALL_MALFORMED')) return null
    throw misfit(dialect, error)
  }
}

/** The dialects to try, the one first whose own members are there: a plain chat of Anthropic's is one of OpenAI's too, but for them. */
function guessed(body: Uint8Array): readonly Dialect[] {
  const head = Buffer.from(body).toString('utf8')
  if (/"anthropic_version"\s*:/.test(head)) return ['bedrock.invoke', 'anthropic.messages']
  const anthropic = /"(?:system|input_schema|stop_sequences|cache_control)"\s*:/.test(head)
  return anthropic
    ? ['anthropic.messages', 'bedrock.converse', 'openai.chat']
    : ['openai.chat', 'anthropic.messages', 'bedrock.converse', 'bedrock.invoke']
}

function codecs(dialect: Dialect | null, body: Uint8Array): readonly Codec[] {
  const all = MOUNTS.flatMap((mount) => mount.codecs).filter(({ operation }) => operation === 'chat')
  const known = (one: Dialect): Codec | undefined => all.find((codec) => codec.dialect === one)
  const order: readonly Dialect[] = dialect === null ? guessed(body) : [dialect]
  return order.flatMap((one) => known(one) ?? [])
}

/** What stands in the head of a call and not in its body; who has only the body cannot say it. */
const HEAD = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }

function readBy(codec: Codec, body: Uint8Array, asked: Dialect | null): ModelCall | null {
  try {
    const call = codec.read({
      id: newId(),
      method: 'POST',
      path: PATHS[codec.dialect],
      query: '',
      headers: HEAD,
      body,
      principal: { subject: 'inspect', tenant: 'inspect', groups: [], purpose: null, proof: 'key', keyId: 'inspect' },
    })
    if (call.unread.length === 0) return call
    if (asked !== null)
      throw new CustomhouseError('ERR_CLI_USAGE', `The call has parts that no codec reads: ${call.unread.join(', ')}.`)
    return null
  } catch (error) {
    const unfit = isCustomhouseError(error, 'ERR_CALL_MALFORMED') || isCustomhouseError(error, 'ERR_CALL_UNSUPPORTED')
    if (!unfit) throw error
    if (asked !== null) throw misfit(asked, error)
    return null
  }
}

function misfit(dialect: string, cause: unknown): CustomhouseError {
  const why = isCustomhouseError(cause) ? ` ${cause.message}` : ''
  return new CustomhouseError('ERR_CLI_USAGE', `The file is no call in ${dialect}.${why}`, { cause })
}

function ofCall(call: ModelCall): Subject {
  const shown = (body: JsonTree): string => `${JSON.stringify(treeToJson(body), null, 2)}\n`
  return {
    dialect: call.dialect,
    tools: call.tools,
    references: call.references,
    segments: call.segments,
    before: shown(call.body),
    after: (edits) => shown(rewrite(call.body, edits, [])),
  }
}

function ofText(text: string): Subject {
  return {
    dialect: null,
    tools: [],
    references: [],
    segments: [{ pointer: '', role: 'user', channel: 'text', text }],
    before: text,
    after: (edits) => {
      let out = ''
      let at = 0
      for (const { start, end, text: now } of [...edits].sort((a, b) => a.start - b.start)) {
        out += text.slice(at, start) + now
        at = end
      }
      return out + text.slice(at)
    },
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new CustomhouseError('ERR_CLI_USAGE', 'The file is no UTF-8.', { cause })
  }
}

/** What was found, as inspectors report it. */
export function findingsOf({ segments }: Subject, spans: readonly (readonly Span[])[]): readonly Finding[] {
  return segments.flatMap(({ pointer }, at) =>
    (spans[at] ?? []).map(({ start, end, type, score }): Finding => ({ type, pointer, start, end, score })),
  )
}

/** What a policy is told of findings. */
export function factsOf(findings: readonly Finding[]): readonly FindingFact[] {
  const tally = new Tally()
  for (const finding of findings) tally.add(finding, 'user')
  return tally.facts()
}

/** What is done where the policies ask for nothing. */
export const NOTHING_ASKED: Params = {
  types: new Map(),
  others: null,
  minScore: 1,
  scores: new Map(),
  channels: null,
  roles: null,
  restore: { text: true, tools: 'all' },
  answer: false,
}

/** What would be sent, as a text. The tokens are those of a gateway with another secret. @throws ERR_POLICY_DENIED where it would not be sent */
export function sent(subject: Subject, findings: readonly Finding[], params: Params): string {
  if (params === NOTHING_ASKED) return subject.before
  const redacted = redact(params, subject.segments, findings, tenantKeys(randomBytes(32), 'inspect'))
  if (redacted.refused !== null)
    throw new CustomhouseError('ERR_POLICY_DENIED', `Nothing would be sent: ${redacted.refused}.`)
  return subject.after(redacted.edits)
}
