import { join } from 'node:path'
import type { Custom } from '../../../plugins/redaction/custom/index.ts'
import { isMisread, type Params } from '../../../plugins/redaction/params.ts'
import { askedOf, type Profiles } from '../../../plugins/redaction/profiles.ts'
import { redactionData } from '../../compose/redaction.ts'
import { nearest } from '../../config.ts'
import type { FindingFact } from '../../core/decision.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { type PolicySource, readPolicySource } from '../../policy/source.ts'
import { openToolchain } from '../../policy/toolchain/index.ts'
import { packageRoot } from '../root.ts'

/** What a folder of policies says of redaction. */
export type Said = Readonly<{ source: PolicySource; custom: Custom; profiles: Profiles }>

/** @param folder without it the shipped policies @throws ERR_POLICY_BUNDLE where its data cannot be used */
export async function saidIn(folder: string | undefined): Promise<Said> {
  const source = await readPolicySource(folder ?? join(packageRoot(), 'policies'))
  return { source, ...redactionData(source.data) }
}

/** What a profile asks of a call. @throws ERR_CLI_USAGE where there is no profile of that name, or it asks for nothing */
export function paramsOf({ profiles }: Said, name: string): Params {
  const profile = profiles.get(name)
  if (profile === undefined) {
    const known = [...profiles.keys()].sort()
    const near = nearest(name, known)
    const hint = near === null ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no profile ${JSON.stringify(name)}. ${hint}`)
  }
  if (profile.redact === null)
    throw new CustomhouseError('ERR_CLI_USAGE', `The profile ${name} takes nothing out of a call.`)
  return profile.redact
}

/** The document of the control that says what is asked of a call; the call's target does not matter to it. */
const ASKED = 'data.controls.redaction.attached'

/**
 * What the rules themselves ask for a call of a tenant in which this was found, and which names no class and no task; null: nothing.
 *
 * @throws ERR_CLI_USAGE where the policy has no such control
 */
export async function askedFor(
  { source, profiles }: Said,
  tenant: string,
  findings: readonly FindingFact[],
): Promise<Params | null> {
  const toolchain = openToolchain()
  try {
    const call = { principal: { tenant }, classes: [], task: null, references: [] }
    const input: Json = { phase: 'request', call, targets: [{ id: 'inspect' }], findings }
    const { value } = await toolchain.eval({ files: source.modules, data: source.data, query: ASKED, input })
    const obligations = Array.isArray(value) ? (value as readonly Json[]) : null
    if (obligations === null)
      throw new CustomhouseError('ERR_CLI_USAGE', `The policies have no ${ASKED} for the tenant: name a --profile.`)
    const [obligation] = obligations
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

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
