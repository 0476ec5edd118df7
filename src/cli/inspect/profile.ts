import { join } from 'node:path'
import { isMisread, type Params, readParams } from '../../../plugins/redaction/params.ts'
import { nearest } from '../../config.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { readPolicySource } from '../../policy/source.ts'
import { packageRoot } from '../root.ts'

/** Where the shipped policies have their profiles: data.controls.redaction.profiles. */
const AT = ['controls', 'redaction', 'profiles']

/** What a shipped profile asks of a call, as its policy gives it to the plugin. @throws ERR_CLI_USAGE where there is no profile of that name */
export async function paramsOf(name: string): Promise<Params> {
  const { data } = await readPolicySource(join(packageRoot(), 'policies'))
  const profiles = new Map(Object.entries(membersOf(AT.reduce<Json>((at, step) => membersOf(at)[step] ?? null, data))))
  const profile = profiles.get(name)
  if (profile === undefined) {
    const known = [...profiles.keys()].sort()
    const near = nearest(name, known)
    const hint = near === null ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no profile ${JSON.stringify(name)}. ${hint}`)
  }
  const asked = membersOf(profile).redact
  if (asked === undefined)
    throw new CustomhouseError('ERR_CLI_USAGE', `The profile ${name} takes nothing out of a call.`)
  const params = readParams({ type: 'redact', params: membersOf(asked) })
  if (isMisread(params)) throw new CustomhouseError('ERR_POLICY_BUNDLE', `The profile ${name}: ${params.message}`)
  return params
}

function membersOf(value: Json): Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {}
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
