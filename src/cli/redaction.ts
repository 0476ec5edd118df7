import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { dictionaryLine } from '../../plugins/redaction/custom/index.ts'
import { ENTITY_NAME } from '../../plugins/redaction/entity.ts'
import { CustomhouseError } from '../core/errors.ts'

type Options = Readonly<{ tenant: string; type: string; salt?: string }>

export function redactionCommand(): Command {
  const redaction = new Command('redaction').description('Prepares data for the redaction of policies.')
  redaction
    .command('dictionary <file>')
    .description(
      'Prints the digests of terms, one a line in the file, as policy data: save it as policies/org/<name>.json.',
    )
    .requiredOption('--tenant <tenant>', 'whose terms they are')
    .requiredOption('--type <type>', 'what they are: PERSON, ORG, or a type of your own')
    .option('--salt <salt>', 'the salt that the tenant has already; it is then not printed again')
    .addHelpText(
      'after',
      '\nExample:\n  customhouse redaction dictionary customers.txt --tenant claims --type PERSON > policies/org/customers.json\n',
    )
    .action(dictionary)
  return redaction
}

async function dictionary(file: string, { tenant, type, salt }: Options): Promise<void> {
  if (!ENTITY_NAME.test(type))
    throw new CustomhouseError('ERR_CLI_USAGE', `${type} is no type of entities: write it as in PERSON.`)
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
