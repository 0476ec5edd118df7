import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { isMisread, type Params, readParams } from '../../../plugins/redaction/params.ts'
import { nearest } from '../../config.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { packageRoot } from '../root.ts'

const FOLDER = 'policies/controls/redaction/profiles'

/** What the profile asks of a call, as its policy gives it to the plugin. @throws ERR_CLI_USAGE where there is no profile of that name */
export async function paramsOf(name: string): Promise<Params> {
  const folder = join(packageRoot(), FOLDER)
  const known = (await readdir(folder)).flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
  if (!known.includes(name)) {
    const near = nearest(name, known)
    const hint = near === null ? `There are ${known.sort().join(', ')}.` : `Did you mean ${near}?`
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no profile ${JSON.stringify(name)}. ${hint}`)
  }
  const file = parse(await readFile(join(folder, `${name}.yaml`), 'utf8'))
  const asked: unknown = file?.[name]?.redact
  if (typeof asked !== 'object' || asked === null)
    throw new CustomhouseError('ERR_CLI_USAGE', `The profile ${name} takes nothing out of a call.`)
  const params = readParams({ type: 'redact', params: Object.fromEntries(Object.entries(asked)) })
  if (isMisread(params)) throw new CustomhouseError('ERR_POLICY_BUNDLE', `The profile ${name}: ${params.message}`)
  return params
}
