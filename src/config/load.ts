import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { certificates } from './certificate.ts'
import { type Config, toConfig } from './config.ts'
import { describeFault, explain, withoutEchoes } from './explain.ts'
import { configInvalid, type Issue, issueText, type Path, type Place, type PlacedIssue } from './issue.ts'
import { type Overlay, overlaysOf } from './overlay.ts'
import { CONFIG_VARIABLE, type Flags, OVERRIDES, type Override, unknownVariables } from './override.ts'
import { broken, doubtful, hides, holdsCertificate, holdsSecret, secretsWrittenOut } from './rule.ts'
import { configSchema, jsonSchema } from './schema.ts'
import { type Environment, makeSecret, parseReference, resolveSecret, type Secret } from './secret.ts'
import { isRawMap, leaves, withDefaults } from './shape.ts'
import { type Raw, type RawMap, readSource, type Source } from './source.ts'

/** A leaf of the configuration as people would write it, and what gave it. */
export type Origin = Readonly<{
  path: Path
  value: null | boolean | number | string | readonly [] | Readonly<Record<string, never>>
  place: Place
}>

export type LoadedConfig = Readonly<{
  config: Config
  /**
   * SHA-256 (hex) over the bytes of the file, the values that environment and flags gave, and the files of `residency.catalogue`. Secrets are no part of it, neither
   * their values nor the files that hold them: see `watch`.
   */
  digest: string
  /** Every leaf in the order of the schema, defaults too. */
  origins: readonly Origin[]
  /** The files of `residency.catalogue`, in their order. */
  overlays: readonly Overlay[]
  /** Printable lines. */
  warnings: readonly string[]
  /** Absolute path. */
  file: string
  /** Absolute paths of the files that the configuration was made from: the file itself, and those that hold secrets. */
  watch: readonly string[]
  /** ERR_CONFIG_INVALID for what can only be found out later (an unknown entry of the catalogue), at its place in the file. */
  invalid(issues: readonly Issue[]): CustomhouseError
}>

export type LoadOptions = Readonly<{
  /** `false` leaves references and files of certificates unread, for verbs that need no provider: their secrets then throw when they are revealed. */
  secrets?: boolean
}>

/**
 * Loads the configuration: `path`, else $CUSTOMHOUSE_CONFIG, else `customhouse.yaml` in the current folder. Relative paths in the file
 * start from its folder, those of the environment and of flags from the current one. Must throw ERR_CONFIG_UNREADABLE when there is no file to read, and
 * ERR_CONFIG_INVALID with all errors at once (also in `detail.errors`) when anything in it is wrong.
 */
export async function loadConfig(
  path: string | undefined,
  env: Environment,
  flags: Flags = {},
  options: LoadOptions = {},
): Promise<LoadedConfig> {
  const file = resolve(path ?? env[CONFIG_VARIABLE] ?? 'customhouse.yaml')
  const shown = shownName(file)
  const bytes = await readBytes(file, shown)
  const source = readSource(bytes)
  if (source.issues.length > 0) throw configInvalid(shown, source.issues)

  const shape = jsonSchema()
  const given = overrides(env, flags)
  const raw = withDefaults(shape, withOverrides(source.root, given)) as RawMap
  const log = logName(raw)
  const place = placer(source, given)
  const absolute = (at: Path, text: string) =>
    isAbsolute(text) ? text : resolve(place(at, 'value').from === 'file' ? dirname(file) : process.cwd(), text)
  const absoluteDefault = (at: Path, text: string) =>
    place(at, 'value').from === 'default' ? resolve(dirname(file), text) : absolute(at, text)

  const parsed = configSchema.safeParse(raw, { error: describeFault })
  const faults = parsed.success ? [] : explain(parsed.error.issues, shape, raw)
  const secrets = options.secrets === false ? unread : resolver(raw, env, dirname(file))
  const files = options.secrets === false ? [] : certificates(raw, absolute, secrets.find)
  const { overlays, issues: unlaid } = overlaysOf(catalogueFiles(raw, absoluteDefault))
  const found = withoutEchoes([...faults, ...broken(raw, absoluteDefault), ...secrets.issues, ...files, ...unlaid])
  const issues = [...found.filter((issue) => !hides(issue.path, raw)), ...secretsWrittenOut(raw)]
  const positioned = (list: readonly Issue[]): PlacedIssue[] =>
    list.map((issue) => ({ ...issue, place: located(source, place, issue) }))
  if (!parsed.success || issues.length > 0) throw configInvalid(shown, positioned(issues))

  return {
    config: toConfig(parsed.data, log, absoluteDefault, secrets.read),
    digest: digestOf(bytes, given, overlays),
    overlays,
    origins: [...leaves(raw)].map(([at, value]) => ({ path: at, value: leafValue(value), place: place(at, 'value') })),
    warnings: [...positioned(doubtful(raw)).map((issue) => issueText(shown, issue)), ...unknownVariables(env)],
    file,
    watch: [file, ...partFiles(raw, dirname(file)), ...catalogueFiles(raw, absoluteDefault)],
    invalid: (found) => configInvalid(shown, positioned(found)),
  }
}

/** As people would type it: relative when the file lies below the current folder. */
function shownName(file: string): string {
  const way = relative(process.cwd(), file)
  return way === '' || way.startsWith('..') || isAbsolute(way) ? file : way
}

async function readBytes(file: string, shown: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    const mend =
      code === 'ENOENT' ? 'there is no such file; `customhouse init` writes a first one, --config names another' : code
    throw new CustomhouseError('ERR_CONFIG_UNREADABLE', `${shown} cannot be read: ${mend}.`, {
      cause,
      detail: { file: basename(file) },
    })
  }
}

type Given = Readonly<{ override: Override; value: string; place: Place }>

function overrides(env: Environment, flags: Flags): Given[] {
  return OVERRIDES.flatMap((override): Given[] => {
    const flag = flags[override.flag]
    if (flag !== undefined) {
      const name = override.option.split(' ')[0] ?? override.option
      return [{ override, value: flag, place: { from: 'flag', name } }]
    }
    const value = env[override.env]
    return value === undefined || value === '' ? [] : [{ override, value, place: { from: 'env', name: override.env } }]
  })
}

function withOverrides(root: RawMap, given: readonly Given[]): Raw {
  const copy = structuredClone(root)
  for (const { override, value } of given) {
    let map: RawMap = copy
    for (const step of override.path.slice(0, -1)) {
      const key = String(step)
      if (map[key] === undefined) map[key] = {}
      const below = map[key]
      // A section that is no map is reported by the schema; there is no room in it for a value.
      map = isRawMap(below) ? below : {}
    }
    map[String(override.path.at(-1))] = value
  }
  return copy
}

/** The default log name needs the machine's name, which no schema holds. Fills it into `raw`. */
function logName(raw: RawMap): string {
  const host = hostname().replace(/[^A-Za-z0-9.-]/g, '-') || 'localhost'
  if (!isRawMap(raw.audit)) return ''
  raw.audit.log ??= `customhouse/${host}`
  return String(raw.audit.log)
}

type Placer = (path: Path, at: 'key' | 'value') => Place

function placer(source: Source, given: readonly Given[]): Placer {
  return (path, at) => {
    const override = given.find((one) => samePath(one.override.path, path))
    if (override !== undefined) return override.place
    return source.has(path) ? source.place(path, at) : { from: 'default' }
  }
}

/** Where to point for an issue: at what gave the value; for a name that is missing, at the section it is missing from. */
function located(source: Source, place: Placer, issue: Issue): Place {
  const own = place(issue.path, issue.at ?? 'value')
  return own.from === 'default' ? source.place(issue.path, issue.at ?? 'value') : own
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, index) => step === b[index])
}

type Secrets = Readonly<{
  issues: readonly Issue[]
  read: (path: Path, reference: string) => Secret
  /** Null where there is none, or none that could be resolved. */
  find: (path: Path) => Secret | null
}>

const unread: Secrets = {
  issues: [],
  find: () => null,
  read: (_, reference) => ({
    ...makeSecret(reference, ''),
    reveal: () => {
      throw new CustomhouseError(
        'ERR_CONFIG_INVALID',
        `${reference} was not resolved: the configuration was loaded without secrets.`,
      )
    },
  }),
}

function resolver(raw: RawMap, env: Environment, folder: string): Secrets {
  const issues: Issue[] = []
  const found = new Map<string, Secret>()
  for (const [path, reference] of secretsOf(raw)) {
    const resolved = resolveSecret(reference, env, folder, path.at(-1) === 'key' ? 'pem' : 'word')
    if (resolved.ok) found.set(JSON.stringify(path), resolved.secret)
    else issues.push({ path, message: `cannot be resolved: ${resolved.message}` })
  }
  const find = (path: Path): Secret | null => found.get(JSON.stringify(path)) ?? null
  return {
    issues,
    find,
    read: (path, reference) => find(path) ?? unread.read(path, reference),
  }
}

/** Well-formed references, with their places. */
function secretsOf(raw: RawMap): (readonly [Path, string])[] {
  return [...leaves(raw)].flatMap(([path, text]): (readonly [Path, string])[] =>
    holdsSecret(path) && typeof text === 'string' && parseReference(text) !== null ? [[path, text]] : [],
  )
}

/** Files whose content is a part of the configuration: secrets and certificates. */
function partFiles(raw: RawMap, folder: string): string[] {
  const files = secretsOf(raw).flatMap(([, text]) => {
    const reference = parseReference(text)
    return reference?.from === 'file' ? [resolve(folder, reference.path)] : []
  })
  for (const [path, text] of leaves(raw)) {
    if (holdsCertificate(path) && typeof text === 'string') files.push(resolve(folder, text))
  }
  return [...new Set(files)]
}

function catalogueFiles(raw: RawMap, absolute: (path: Path, text: string) => string): string[] {
  const list = isRawMap(raw.residency) ? raw.residency.catalogue : undefined
  if (!Array.isArray(list)) return []
  return list.flatMap((text, index) =>
    typeof text === 'string' && text !== '' ? [absolute(['residency', 'catalogue', index], text)] : [],
  )
}

function leafValue(value: Raw): Origin['value'] {
  if (Array.isArray(value)) return []
  return typeof value === 'object' && value !== null ? {} : value
}

function digestOf(bytes: Uint8Array, given: readonly Given[], overlays: readonly Overlay[]): string {
  const hash = createHash('sha256').update(bytes)
  for (const { override, value } of given) hash.update(`\0${override.env}=${value}`)
  for (const { name, bytes: laid } of overlays) hash.update(`\0${name}\0${laid.length}\0`).update(laid)
  return hash.digest('hex')
}
