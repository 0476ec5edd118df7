import { join } from 'node:path'
import { isMisread, type Params } from '../../../plugins/redaction/params.ts'
import { askedOf, type Profiles } from '../../../plugins/redaction/profiles.ts'
import { type RedactionData, redactionData } from '../../compose/redaction.ts'
import { nearest } from '../../config.ts'
import type { Reference } from '../../core/call.ts'
import type { FindingFact } from '../../core/decision.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { type PolicySource, readPolicySource } from '../../policy/source.ts'
import { openToolchain } from '../../policy/toolchain/index.ts'
import { packageRoot } from '../root.ts'

/** What a folder of policies says of redaction. */
export type Said = Readonly<{ source: PolicySource }> & RedactionData

/** @param folder without it the shipped policies @throws ERR_POLICY_BUNDLE where its data cannot be used */
export async function saidIn(folder: string | undefined): Promise<Said> {
  const source = await readPolicySource(folder ?? join(packageRoot(), 'policies'))
  return { source, ...redactionData(source.data) }
}

/**
 * What a profile asks of a call.
 *
 * @throws ERR_CLI_USAGE where there is no profile of that name, or it asks for nothing
 * @throws ERR_POLICY_DENIED where the call has content that the profile wants read and no inspector reads
 */
export function paramsOf({ profiles }: Said, name: string, references: readonly Reference[] = []): Params {
  const profile = profiles.get(name)
  if (profile === undefined) {
    const known = [...profiles.keys()].sort()
    const near = nearest(name, known)
    const hint = near === null ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no profile ${JSON.stringify(name)}. ${hint}`)
  }
  if (profile.redact === null)
    throw new CustomhouseError('ERR_CLI_USAGE', `The profile ${name} takes nothing out of a call.`)
  const readable = profile.references
  const unread = readable === null ? undefined : references.find(({ kind }) => !readable.has(kind))
  if (unread !== undefined) {
    const what = `content of kind ${unread.kind} (${unread.where}) is not inspected`
    throw notSent(`${what}, and the profile ${name} permits none that is not.`)
  }
  return profile.redact
}

function notSent(why: string): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_DENIED', `Nothing would be sent: ${why}`)
}

/** What the control says of a call; the call's target does not matter to it. What is not defined leaves its list empty. */
const ASKED = `{
  "attached": [all | all := data.controls.redaction.attached],
  "satisfied": [yes | yes := data.controls.redaction.satisfied.inspect],
  "reasons": [reason.message | some reason in data.controls.redaction.reasons.inspect],
}`

/**
 * What the rules themselves ask for a call of a tenant in which this was found, and which names no class and no task; null: nothing.
 *
 * @throws ERR_CLI_USAGE where the policy has no such control @throws ERR_POLICY_DENIED with the control's reasons where it would not be sent
 */
export async function askedFor(
  { source, profiles }: Said,
  tenant: string,
  findings: readonly FindingFact[],
  references: readonly Reference[],
): Promise<Params | null> {
  const toolchain = openToolchain()
  try {
    const call = { principal: { tenant }, classes: [], task: null, references }
    const input: Json = { phase: 'request', call, targets: [{ id: 'inspect' }], findings }
    const { value } = await toolchain.eval({ files: source.modules, data: source.data, query: ASKED, input })
    const { attached, satisfied, reasons } = membersOf(value ?? null)
    const why = listOf(reasons)
    if (why.length > 0) throw notSent(why.join(' '))
    const [obligations] = listOf(attached)
    if (obligations === undefined)
      throw new CustomhouseError(
        'ERR_CLI_USAGE',
        'The policies have no control redaction for the tenant: name a --profile.',
      )
    if (listOf(satisfied)[0] !== true) throw notSent('the control redaction is not satisfied.')
    const [obligation] = listOf(obligations)
    return obligation === undefined ? null : read(obligation, profiles)
  } finally {
    await toolchain.close()
  }
}

function read(obligation: Json, profiles: Profiles): Params {
  const { type, params } = membersOf(obligation)
  const asked = type === 'redact' ? askedOf({ type, params: membersOf(params ?? null) }, 'redact', profiles) : null
  if (asked === null || isMisread(asked))
    throw new CustomhouseError('ERR_POLICY_BUNDLE', `What the policies ask for is no redact. ${asked?.message ?? ''}`)
  return asked
}

function membersOf(value: Json): Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {}
}

function listOf(value: Json | undefined): readonly Json[] {
  return value !== undefined && isList(value) ? value : []
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
