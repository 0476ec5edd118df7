import { join, relative } from 'node:path'
import { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../config.ts'
import type { Dialect } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { type SettingOptions, withSettings } from './settings.ts'

type Area = 'config' | 'policy' | 'keys' | 'state'
type Finding = Readonly<{ area: Area; code: string; message: string }>
type Report = { findings: Finding[]; warnings: string[]; passed: string[] }

export function checkCommand(): Command {
  return withSettings(new Command('check'))
    .description(
      'Checks what `serve` would start with, by the same code: configuration, secrets, policies with their tests, gateway keys, whose state it is. Starts and changes nothing. Exit code 2: findings.',
    )
    .option('--json', 'print a report in JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse check\n  customhouse check -c /etc/customhouse/customhouse.yaml --json\n',
    )
    .action(async (options: SettingOptions & { json?: true }) => {
      const report: Report = { findings: [], warnings: [], passed: [] }
      const loaded = await checkConfig(options, report)
      if (loaded !== null) {
        await checkCertificate(loaded, report)
        await checkPolicy(loaded, report)
        await checkKeys(loaded, report)
        checkIssuers(loaded, report)
        await checkState(loaded, report)
      }
      print(report, options.json === true)
      // Without a configuration nothing was checked: that is no finding.
      const unread = report.findings.some(({ code }) => code === 'ERR_CONFIG_UNREADABLE')
      if (report.findings.length > 0) process.exitCode = unread ? 1 : 2
    })
}

/** What is wrong with secrets alone does not keep policies and keys from being checked. */
async function checkConfig(options: SettingOptions, report: Report): Promise<LoadedConfig | null> {
  const load = (secrets: boolean) => loadConfig(options.config, process.env, options, { secrets })
  const loaded = (await attempt('config', report, () => load(true))) ?? (await quietly(() => load(false)))
  if (loaded === null) return null
  report.warnings.push(...loaded.warnings)
  if (report.findings.length === 0) {
    const { tenants, providers, models } = loaded.config
    const counts = `${count(tenants.size, 'tenant')}, ${count(providers.size, 'provider')}, ${count(models.size, 'model')}`
    report.passed.push(`configuration  ${relative(process.cwd(), loaded.file)}: ${counts}; secrets resolved`)
    const chain = [...providers].flatMap(([name, { awsChain }]) => (awsChain ? [name] : []))
    if (chain.length > 0)
      report.passed.push(
        `credentials    of ${chain.join(', ')}: not checked; AWS's own chain is asked at the first call`,
      )
  }
  return loaded
}

async function checkCertificate(loaded: LoadedConfig, report: Report): Promise<void> {
  // A key that could not be resolved has been reported.
  if (loaded.config.listen.tls === null || report.findings.length > 0) return
  const { readCertificate } = await import('../compose/certificate.ts')
  const certificate = await attempt('config', report, () => readCertificate(loaded))
  if (certificate !== null) report.passed.push('certificate    of the data port: read, and the key is its own')
}

/** Everything that is read here is large; it is loaded only when there is a configuration to check it against. */
async function checkPolicy(loaded: LoadedConfig, report: Report): Promise<void> {
  const [{ loadPolicy }, { makeGeneration, unplaced }, { residencyWarnings }, { Providers }, { openToolchain }] =
    await Promise.all([
      import('../compose/policy.ts'),
      import('../compose/generation.ts'),
      import('../compose/warnings.ts'),
      import('../compose/providers.ts'),
      import('../policy/toolchain/index.ts'),
    ])
  const [toolchain, providers] = [
    openToolchain(),
    new Providers((name, error) => report.warnings.push(`${name}  could not be closed: ${String(error)}`)),
  ]
  try {
    await attempt('policy', report, async () => {
      const policy = await loadPolicy(loaded.config.policy, toolchain, loaded.config.limits.policy)
      // Secrets and certificates that could not be read have been reported; what else is wrong is told all the same.
      const known = report.findings.length > 0 ? bare(loaded) : loaded
      const generation = await makeGeneration(1, known, policy, [], providers)
      const { controls, models } = generation
      report.warnings.push(...unplaced(generation), ...residencyWarnings(loaded, Date.now()))
      report.passed.push(`routes         ${spoken(models)}`)
      const { allow, deny } = loaded.config.canaries
      if (allow.length + deny.length > 0)
        report.passed.push(`canaries       ${allow.length} allowed and ${deny.length} denied, as they must be`)
      report.passed.push(
        `policy         ${policy.revision.slice(0, 12)}: compiled, tested, loaded; controls ${controls.join(', ')}`,
      )
    })
  } finally {
    await providers.close()
    await toolchain.close()
  }
}

/** Without certificates towards providers, which a verb that sends nothing need not read. */
export function bare(loaded: LoadedConfig): LoadedConfig {
  const tls = { ca: null, cert: null, key: null }
  const providers = new Map([...loaded.config.providers].map(([name, provider]) => [name, { ...provider, tls }]))
  return { ...loaded, config: { ...loaded.config, providers } }
}

/** How many models can be asked for in each dialect. */
function spoken(models: Generation['models']): string {
  const counts = new Map<Dialect, number>()
  for (const targets of models.values()) {
    for (const dialect of new Set(targets.flatMap(({ dialects }) => dialects))) {
      counts.set(dialect, (counts.get(dialect) ?? 0) + 1)
    }
  }
  return [...counts].map(([dialect, models]) => `${dialect}: ${count(models, 'model')}`).join(', ')
}

async function checkKeys(loaded: LoadedConfig, report: Report): Promise<void> {
  const { listKeys, openKeys, STORE_NAME } = await import('../identity/index.ts')
  const file = join(loaded.config.keys, STORE_NAME)
  await attempt('keys', report, async () => {
    const keys = await openKeys({ file })
    keys.close()
    const live = (await listKeys(file)).filter(({ status }) => status === 'live' || status === 'rotating')
    report.passed.push(`keys           ${count(live.length, 'live key')}`)
    if (live.length === 0)
      report.warnings.push('keys  there is no live gateway key: `customhouse keys create` makes one')
    for (const { id, tenant } of live) {
      if (!loaded.config.tenants.has(tenant)) {
        report.warnings.push(
          `keys  key ${id} belongs to the tenant ${JSON.stringify(tenant)}, which the configuration does not have`,
        )
      }
    }
  })
}

/** Where the keys of issuers are, only they can say; `check` asks nobody. Addresses, tenants and CA files were checked with the configuration. */
function checkIssuers({ config: { identity } }: LoadedConfig, report: Report): void {
  if (identity.revocation !== null) {
    const { store } = identity.revocation
    report.passed.push(
      `revocations    ${'file' in store ? store.file : store.redis}: not asked; without a list there every call is 503`,
    )
  }
  if (identity.jwt.length === 0) return
  report.passed.push(
    `issuers        ${count(identity.jwt.length, 'issuer')} of tokens: not asked; their keys are fetched at the start`,
  )
}

/** What ends a start at once. Whether the ledger is whole takes longer: `audit verify` says. */
async function checkState({ config }: LoadedConfig, report: Report): Promise<void> {
  const { LEDGER_FOLDER, parseCheckpoint, readCheckpointNote, readKeptNote, readStateVersion } = await import(
    '../audit/index.ts'
  )
  const { state, keys, audit } = config
  const directory = join(state, LEDGER_FOLDER)
  await attempt('state', report, async () => {
    const version = readStateVersion(state, directory)
    const head = (note: string | null) => (note === null ? null : parseCheckpoint(note))
    const [there, kept] = [head(readCheckpointNote(directory)), head(readKeptNote(keys))]
    if (kept !== null && kept.origin === audit.log && kept.size > (there?.size ?? 0))
      throw new CustomhouseError(
        'ERR_LEDGER_CORRUPT',
        `The ledger in ${directory} has ${there?.size ?? 0} signed records, and ${keys} knows of ${kept.size}: an older state was put back, or it was emptied. Put the newest one back; to go on without what is missing, say so on record: customhouse audit restore --reason TEXT.`,
      )
    if (there !== null) report.passed.push(`state          version ${version}; ${count(there.size, 'signed record')}`)
  })
}

async function attempt<T>(area: Area, report: Report, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (!isCustomhouseError(error)) throw error
    report.findings.push({
      area: error.code.startsWith('ERR_CONFIG') ? 'config' : area,
      code: error.code,
      message: error.message,
    })
    return null
  }
}

/** The result, or null: its error has been reported by the stricter attempt before. */
async function quietly<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (isCustomhouseError(error)) return null
    throw error
  }
}

function print({ findings, warnings, passed }: Report, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: findings.length === 0, findings, warnings }, null, 2)}\n`)
    return
  }
  for (const line of warnings) process.stderr.write(`warning: ${line}\n`)
  for (const line of passed) process.stderr.write(`ok       ${line}\n`)
  for (const { message, code } of findings) process.stdout.write(`${message.trimEnd()}\n${code}\n\n`)
  if (findings.length > 0) process.stderr.write(`${count(findings.length, 'finding')}: this gateway would not start.\n`)
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
