import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { CONTENT_KEYS, type ContentKeys, LEDGER_FOLDER, openContentKeys, SIGNING_KEY_FILE } from '../../audit/index.ts'
import { CONFIG_VARIABLE, loadConfig } from '../../config.ts'

/** The configuration that is read unasked, in the current folder. */
const DEFAULT_CONFIG = 'customhouse.yaml'

export type Where = Readonly<{ config?: string; state?: string; keys?: string }>

/** Absolute folders of a state, its ledger and its keys; `said` tells who named the state folder. */
export type Place = Readonly<{ state: string; ledger: string; keys: string; said: string }>

export function withPlace(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'the configuration (default: $CUSTOMHOUSE_CONFIG, else customhouse.yaml, if there is one)',
    )
    .option(
      '--state <folder>',
      'state folder (default: that of the configuration, else ./state; also $CUSTOMHOUSE_STATE)',
    )
    .option('--keys <folder>', 'keys folder (default: that of the configuration, else ./keys; also $CUSTOMHOUSE_KEYS)')
}

/** Auditors have no configuration: one is read only where a folder is not named otherwise. Throws ERR_CONFIG_INVALID, ERR_CONFIG_UNREADABLE. */
export async function placeOf(where: Where): Promise<Place> {
  const state = where.state ?? process.env.CUSTOMHOUSE_STATE
  const keys = where.keys ?? process.env.CUSTOMHOUSE_KEYS
  const named = where.config ?? process.env[CONFIG_VARIABLE]
  const wanted = where.config !== undefined || state === undefined || keys === undefined
  if (wanted && (named !== undefined || existsSync(DEFAULT_CONFIG))) {
    const flags = { state: where.state, keys: where.keys }
    const { config } = await loadConfig(where.config, process.env, flags, { secrets: false })
    const said = state === undefined ? `the configuration ${named ?? DEFAULT_CONFIG}` : '--state or $CUSTOMHOUSE_STATE'
    return { state: config.state, ledger: join(config.state, LEDGER_FOLDER), keys: config.keys, said }
  }
  const said = state === undefined ? 'the default, ./state' : '--state or $CUSTOMHOUSE_STATE'
  const folder = resolve(state ?? 'state')
  return { state: folder, ledger: join(folder, LEDGER_FOLDER), keys: resolve(keys ?? 'keys'), said }
}

/** Where a ledger was looked for, and how to look elsewhere. */
export function notThere({ ledger, said }: Place): string {
  return `There is no ledger in ${ledger} (named by ${said}). Name the state folder with --state, or the configuration with -c.`
}

/**
 * The content keys, or null where there are none to be expected: an auditor's folder with nothing but the verifier key. Beside the
 * signing key their absence is itself a finding, and an empty set is given.
 */
export function contentKeys(keys: string): ContentKeys | null {
  const expected = existsSync(join(keys, CONTENT_KEYS)) || existsSync(join(keys, SIGNING_KEY_FILE))
  return expected ? openContentKeys(keys, { make: false }) : null
}
