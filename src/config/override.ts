import type { Path } from './issue.ts'
import { nearest } from './nearest.ts'
import { type Environment, looksSecret } from './secret.ts'

/** A setting that the environment and the command line may give, in this order of strength: flag, environment, file, default. */
export type Override = Readonly<{
  path: Path
  env: string
  /** Name among {@link Flags}, as commander makes it from `option`. */
  flag: FlagName
  option: string
  description: string
  /** Relative paths given here start from the current folder, not from that of the file. */
  isPath: boolean
}>

export type FlagName = 'dataListen' | 'adminListen' | 'state' | 'keys' | 'environment' | 'logLevel' | 'logFormat'
export type Flags = Readonly<{ [name in FlagName]?: string | undefined }>

const override = (
  path: Path,
  env: string,
  flag: FlagName,
  option: string,
  description: string,
  isPath = false,
): Override => ({
  path,
  env,
  flag,
  option,
  description,
  isPath,
})

export const OVERRIDES: readonly Override[] = [
  override(
    ['listen', 'data'],
    'CUSTOMHOUSE_DATA_LISTEN',
    'dataListen',
    '--data-listen <host:port>',
    'where clients call',
  ),
  override(
    ['listen', 'admin'],
    'CUSTOMHOUSE_ADMIN_LISTEN',
    'adminListen',
    '--admin-listen <host:port>',
    'health and metrics',
  ),
  override(['state'], 'CUSTOMHOUSE_STATE', 'state', '--state <folder>', 'folder of the ledger', true),
  override(['keys'], 'CUSTOMHOUSE_KEYS', 'keys', '--keys <folder>', 'folder of keys', true),
  override(['environment'], 'CUSTOMHOUSE_ENVIRONMENT', 'environment', '--environment <name>', 'name that policies see'),
  override(['log', 'level'], 'CUSTOMHOUSE_LOG_LEVEL', 'logLevel', '--log-level <level>', 'the least that is logged'),
  override(['log', 'format'], 'CUSTOMHOUSE_LOG_FORMAT', 'logFormat', '--log-format <format>', 'json or pretty'),
]

/** Where the configuration file is, when no flag says it. */
export const CONFIG_VARIABLE = 'CUSTOMHOUSE_CONFIG'

const PREFIX = 'CUSTOMHOUSE_'

/** Variables that are ours but no settings: the tests' recordings, and the gateway key that the examples call with. */
const OTHER_VARIABLES = ['CUSTOMHOUSE_FIXTURES', 'CUSTOMHOUSE_KEY', 'CUSTOMHOUSE_URL']

/** A warning for each CUSTOMHOUSE_ variable that nothing reads: typing errors there would otherwise stay unseen. Values are not shown. */
export function unknownVariables(env: Environment): readonly string[] {
  const known = [CONFIG_VARIABLE, ...OVERRIDES.map((one) => one.env), ...OTHER_VARIABLES]
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name) && !looksSecret(name))
    .sort()
    .map((name) => {
      const near = nearest(
        name.slice(PREFIX.length),
        known.slice(0, 1 + OVERRIDES.length).map((one) => one.slice(PREFIX.length)),
      )
      return `env ${name}  is not read by anything${near === null ? '' : ` (did you mean ${JSON.stringify(PREFIX + near)}?)`}`
    })
}
