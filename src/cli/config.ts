import { relative } from 'node:path'
import { Command, Option } from 'commander'
import { jsonSchema, reference, renderConfig, renderOrigins } from '../config.ts'
import { loadSettings, type SettingOptions, withSettings } from './settings.ts'

export function configCommand(): Command {
  const command = new Command('config').description(
    'Prints the schema of the configuration, or the configuration in force.',
  )
  command.addHelpText(
    'after',
    '\nExamples:\n  customhouse config schema > customhouse.schema.json\n  customhouse config show --origin\n',
  )
  command
    .command('schema')
    .description('Prints the JSON Schema (2020-12), for editors, or the reference of all settings.')
    .addOption(new Option('--format <format>', 'what to print').choices(['json', 'markdown']).default('json'))
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse config schema > customhouse.schema.json\n  customhouse config schema --format markdown\n',
    )
    .action((options: { format: 'json' | 'markdown' }) => {
      process.stdout.write(options.format === 'json' ? `${JSON.stringify(jsonSchema(), null, 2)}\n` : reference())
    })
  withSettings(command.command('show'))
    .description(
      'Prints the configuration in force, with every default; secrets by their references. They need not be resolvable.',
    )
    .option('--origin', 'one line for each value, with what gave it: flag, environment, file:line:col or default')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse config show --origin\n  CUSTOMHOUSE_LOG_LEVEL=debug customhouse config show --origin | grep log\n',
    )
    .action(async (options: SettingOptions & { origin?: true; json?: true }) => {
      const loaded = await loadSettings(options, { secrets: false })
      if (options.json) {
        const values = loaded.origins.map(({ path, value, place }) => ({ path, value, origin: place }))
        process.stdout.write(`${JSON.stringify({ file: loaded.file, digest: loaded.digest, values }, null, 2)}\n`)
      } else if (options.origin) {
        process.stdout.write(renderOrigins(loaded, relative(process.cwd(), loaded.file)))
      } else process.stdout.write(renderConfig(loaded))
    })
  return command
}
