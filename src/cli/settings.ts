import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Flags, type LoadedConfig, type LoadOptions, loadConfig, OVERRIDES, parseDuration } from '../config.ts'

export type SettingOptions = Flags & Readonly<{ config?: string }>

/** Adds --config and one flag for each setting that flags may override. */
export function withSettings(command: Command): Command {
  command.addOption(
    new Option('-c, --config <file>', 'the configuration (default: $CUSTOMHOUSE_CONFIG, else customhouse.yaml)'),
  )
  for (const { option, description, env } of OVERRIDES)
    command.addOption(new Option(option, `${description} (also $${env})`))
  return command
}

/** Loads what the flags say, and tells its warnings on stderr. */
export async function loadSettings(options: SettingOptions, how: LoadOptions = {}): Promise<LoadedConfig> {
  const loaded = await loadConfig(options.config, process.env, options, how)
  for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`)
  return loaded
}

/** A duration on the command line, in milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new InvalidArgumentError('It must be a duration with its unit, such as 30s, 24h or 90d.')
  return ms
}
