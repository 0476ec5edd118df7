import { Command, InvalidArgumentError, Option } from 'commander'
import { importAzure, importBedrock } from '../../plugins/residency/import/index.ts'
import { CustomhouseError } from '../core/errors.ts'
import { type OpenCatalogue, openCatalogue } from './residency/catalogue.ts'
import { deliver, readDocument } from './residency/importing.ts'
import type { RowsOptions } from './residency/rows.ts'
import type { ShowOptions } from './residency/show.ts'
import { loadSettings, withSettings } from './settings.ts'

type ImportOptions = Readonly<{ config?: string; into?: string; asOf: string }>

export function residencyCommand(): Command {
  const command = new Command('residency').description(
    'Shows where each target is and why, and imports from AWS and Azure what no name and no address tells. Nothing is sent, no ledger is touched.',
  )
  command.addHelpText(
    'after',
    '\nExamples:\n  customhouse residency show --tenant claims --data-class phi\n  customhouse residency rows --kind bedrock\n  customhouse residency import bedrock profiles.json --into residency.json\n',
  )
  withSettings(command.command('show'))
    .description('Prints the matrix of jurisdictions and targets, with the reason of each no.')
    .option('--provider <name>', 'only the targets at this provider')
    .option('--model <name>', 'only the targets of this model, by the name that clients ask for')
    .option('--tenant <name>', 'what the policy says of each target for a call of this tenant; it is compiled first')
    .option('--group <name>', 'a group of the caller (repeatable)', gathered)
    .option('--data-class <class>', 'a class that x-customhouse-data-class says (repeatable)', gathered)
    .option('--task <name>', 'what x-customhouse-task says')
    .option('--purpose <name>', 'what the credential proves the caller to be there for')
    .option('--json', 'print JSON, with the line of each country')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse residency show --provider bedrock-eu\n  customhouse residency show --tenant claims --purpose treatment --data-class phi --json\n',
    )
    .action(async (options: ShowOptions) => {
      const { show } = await import('./residency/show.ts')
      await show(options)
    })
  command
    .command('rows')
    .description(
      'Prints the rows of the catalogue with their day and source: the shipped one, or with --config the one in force, overlays on top.',
    )
    .option('-c, --config <file>', 'a configuration, whose overlays count too')
    .option('--kind <kind>', 'only rows of openai, anthropic, mistral, bedrock, azure ...')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse residency rows --kind openai\n  customhouse residency rows -c customhouse.yaml --json\n',
    )
    .action(async (options: RowsOptions) => {
      const { rows } = await import('./residency/rows.ts')
      await rows(options)
    })
  importing(command)
  return command
}

function importing(command: Command): void {
  const imports = command
    .command('import')
    .description('Makes an overlay of the catalogue from what the command lines of AWS and Azure print.')
  imports.addHelpText(
    'after',
    '\nExamples:\n  aws bedrock list-inference-profiles > profiles.json && customhouse residency import bedrock profiles.json\n  customhouse residency import azure deployments.json --account account.json --into residency.json\n',
  )
  delivering(imports.command('bedrock <file...>'))
    .description(
      'Reads what aws bedrock get-inference-profile, list-inference-profiles, get-prompt-router and list-prompt-routers print; `-` is stdin.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  aws bedrock list-inference-profiles --region eu-central-1 --output json | customhouse residency import bedrock -\n  customhouse residency import bedrock frankfurt.json ireland.json router.json --into residency.json\n',
    )
    .action(async (files: readonly string[], { config, into, asOf }: ImportOptions) => {
      const catalogue = await catalogueFor(config)
      const documents = await Promise.all(files.map(readDocument))
      const imported = importBedrock(documents, catalogue.aws, asOf)
      await deliver(imported, into, catalogue.require)
      const regions = Object.entries(imported.bedrock?.imported ?? {})
      const names = regions.reduce((sum, [, called]) => sum + Object.keys(called).length, 0)
      tell(into, `${names} names of profiles and routers, called from ${regions.map(([region]) => region).join(', ')}`)
    })
  delivering(imports.command('azure <deployments>'))
    .description('Reads what az cognitiveservices account deployment list prints, and whose deployments they are.')
    .requiredOption(
      '--account <file|name>',
      'what az cognitiveservices account show or list prints, or the name of the account',
    )
    .option('--location <name>', 'where the account is, if only its name is given: swedencentral')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse residency import azure deployments.json --account account.json --into residency.json\n  customhouse residency import azure deployments.json --account claims-openai --location swedencentral\n',
    )
    .action(
      async (
        file: string,
        { account, location, config, into, asOf }: ImportOptions & { account: string; location?: string },
      ) => {
        if (location === undefined && !account.endsWith('.json'))
          throw new CustomhouseError(
            'ERR_CLI_USAGE',
            'With the name of an account, say --location too; a file of its account ends in .json.',
          )
        const catalogue = await catalogueFor(config)
        const given = location === undefined ? await readDocument(account) : { name: account, location }
        const imported = importAzure(await readDocument(file), given, catalogue.azure, asOf)
        await deliver(imported, into, catalogue.require)
        for (const [name, { deployments, location: at }] of Object.entries(imported.azure?.resources ?? {}))
          tell(into, `${Object.keys(deployments).length} deployments of azure/${name} in ${at}`)
      },
    )
}

async function catalogueFor(config: string | undefined): Promise<OpenCatalogue> {
  return openCatalogue(config === undefined ? [] : (await loadSettings({ config }, { secrets: false })).overlays)
}

function delivering(command: Command): Command {
  return command
    .option('-c, --config <file>', 'a configuration, whose overlays are known too')
    .option('--into <file>', 'lay the rows into this overlay, whole or not at all; it is made where it is missing')
    .addOption(new Option('--as-of <day>', 'the day on which it was printed').argParser(day).default(today(), 'today'))
}

function tell(into: string | undefined, what: string): void {
  const next = into === undefined ? '' : ` The gateway reads ${into} where residency.catalogue names it.`
  process.stderr.write(`Imported ${what}.${next}\n`)
}

const gathered = (word: string, all: readonly string[] = []): readonly string[] => [...all, word]

const today = (): string => new Date().toISOString().slice(0, 10)

function day(text: string): string {
  const parsed = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : null
  if (parsed === null || Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== text || text > today())
    throw new InvalidArgumentError('It must be a day that has come, such as 2026-11-20.')
  return text
}
