import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { dictionaryLine } from '../../plugins/redaction/custom/index.ts'
import { hintOf, knownTypes } from '../compose/redaction-types.ts'
import { CustomhouseError } from '../core/errors.ts'
import { readPolicySource } from '../policy/source.ts'

type Options = Readonly<{ tenant: string; type: string; salt?: string; policies?: string }>

export function redactionCommand(): Command {
  const redaction = new Command('redaction').description('Prepares data for the redaction of policies.')
  redaction
    .command('dictionary <file>')
    .description(
      'Prints the digests of terms, one a line in the file, as policy data: save it as policies/org/<name>.json.',
    )
    .requiredOption('--tenant <tenant>', 'whose terms they are')
    .requiredOption('--type <type>', 'what they are: PERSON, ORG, or a type of your own')
    .option('--policies <folder>', 'the policies that it is for: their own types may be named')
    .option('--salt <salt>', 'the salt that the tenant has already; it is then not printed again')
    .addHelpText(
      'after',
      '\nExample:\n  customhouse redaction dictionary customers.txt --tenant claims --type PERSON > policies/org/customers.json\n',
    )
    .action(dictionary)
  return redaction
}

async function dictionary(file: string, { tenant, type, salt, policies }: Options): Promise<void> {
  const known = knownTypes(policies === undefined ? {} : (await readPolicySource(policies)).data)
  if (!known.has(type)) {
    const whose = policies === undefined ? ' of the policies that --policies names' : ''
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no type ${type}. ${hintOf(type, known, whose)}`)
  }
  const own = salt ?? randomBytes(16).toString('hex')
  const terms = (await textOf(file)).split(/\r?\n/).filter((term) => term.trim() !== '')
  const lines = [...new Set(terms.map((term) => dictionaryLine(term, type, own)))].sort()
  const held = { ...(salt === undefined && { salt: own }), [type]: lines }
  process.stdout.write(`${JSON.stringify({ redaction: { dictionaries: { [tenant]: held } } }, null, 1)}\n`)
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CustomhouseError('ERR_CLI_USAGE', `${file} cannot be read.`, { cause })
  }
}
