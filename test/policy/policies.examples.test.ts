import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { callOf } from '../../src/compose/canaries.ts'
import { placed } from '../../src/compose/generation.ts'
import { loadConfig } from '../../src/config.ts'
import type { RequestInput, Verdict } from '../../src/core/decision.ts'
import { createDecider, loadEngine, type PolicyEngine } from '../../src/policy/index.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const ROOT = join(import.meta.dirname, '../..')
const run = promisify(execFile)
const page = readFileSync(join(ROOT, 'docs/policy-examples.md'), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-examples-'))

type Document = { readonly [name: string]: unknown }
type Example = Readonly<{
  title: string
  file: string
  data: Document
  /** Sections of `customhouse.yaml`. */
  config: string
  /** What was imported, if anything. */
  overlay: string | null
  input: string
  command: string
  printed: string
}>

const SHAPE =
  /^## (.*?)\n.*?^```yaml\n(.*?)^```$.*?^```yaml\n(.*?)^```$(.*?)`([a-z]+\.json)`:\n\n```json\n(.*?)^```\n\n```sh\n(.*?)\n```\n\n```json\n(.*?)^```$/gms

const examples: readonly Example[] = [...page.matchAll(SHAPE)].map(
  ([, title = '', data = '', config = '', between = '', file = '', input = '', command = '', printed = '']) => ({
    title,
    file,
    data: parse(data) as Document,
    config,
    overlay: /^```json\n(.*?)^```$/ms.exec(between)?.[1] ?? null,
    input,
    command,
    printed,
  }),
)

const isDocument = (value: unknown): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts members below those that are there, as the page tells its reader to. */
function below(there: Document, added: Document): Document {
  const entries = Object.entries(added).map(([name, value]) => {
    const before = there[name]
    return [name, isDocument(before) && isDocument(value) ? below(before, value) : value] as const
  })
  return { ...there, ...Object.fromEntries(entries) }
}

const ASKED = { dialect: 'openai.chat', operation: 'chat', stream: true } as const
const toolchain = openToolchain()
let engine: PolicyEngine

// The tenants in one folder: each reads its own data alone.
beforeAll(async () => {
  const policies = join(folder, 'policies')
  cpSync(join(ROOT, 'policies'), policies, { recursive: true })
  for (const name of ['residency', 'models', 'redaction']) {
    const path = join(policies, `org/${name}.yaml`)
    const shipped = parse(readFileSync(path, 'utf8')) as Document
    const grown = examples.reduce(
      (sofar, { data }) => (data[name] === undefined ? sofar : below(sofar, { [name]: data[name] })),
      shipped,
    )
    writeFileSync(path, stringify(grown))
  }
  for (const { file, input } of examples) writeFileSync(join(folder, file), input)
  const source = await readPolicySource(policies)
  const built = await toolchain.build({ files: source.modules, data: source.data })
  engine = await loadEngine({ wasm: built.wasm, data: built.data })
})
afterAll(async () => {
  engine.close()
  await toolchain.close()
  rmSync(folder, { recursive: true, force: true })
})

type Told = Readonly<Record<string, readonly string[]>>

/** What each target was denied by, and what an allowed one must have done, by the engine of the gateway. */
function judged(file: string, change: (input: RequestInput) => RequestInput): Told {
  const example = examples.find((one) => one.file === file)
  const input = JSON.parse(example?.input ?? '') as RequestInput
  const { targets } = createDecider({ engine, revision: 'examples' }).request(change(input))
  const told = ({ effect, reasons, obligations }: Verdict) =>
    effect === 'allow' ? obligations.map(({ type }) => type) : [...new Set(reasons.map(({ rule }) => rule))].sort()
  return Object.fromEntries([...targets].map(([id, verdict]) => [id, told(verdict)]))
}

const called = (call: Partial<RequestInput['call']>) => (input: RequestInput) => ({
  ...input,
  call: { ...input.call, ...call },
})
const purposed = (purpose: string | null) => (input: RequestInput) =>
  called({ principal: { ...input.call.principal, purpose } })(input)
const contracted = (provider: string, contract: readonly string[]) => (input: RequestInput) => ({
  ...input,
  targets: input.targets.map((target) => (target.provider === provider ? { ...target, contract } : target)),
})

test('the page has five examples', () => {
  expect(examples.map(({ title }) => title)).toEqual([
    'A hospital',
    'A laboratory in the United States',
    'A Swiss bank',
    'An insurer in the EU',
    'A pharmacy',
  ])
})

describe.each(examples)('$title', ({ command, printed, file, input, config, overlay }) => {
  test('has the targets of the configuration', async () => {
    const { call, targets } = JSON.parse(input) as RequestInput
    const home = mkdtempSync(join(folder, 'house-'))
    if (overlay !== null) writeFileSync(join(home, 'azure-resources.json'), overlay)
    const { tenant } = call.principal
    const whole = `version: 1\npolicy: { source: ../policies }\ntenants: { ${tenant}: {} }\n${config}`
    writeFileSync(join(home, 'customhouse.yaml'), whole)
    const { residency, models } = placed(await loadConfig(join(home, 'customhouse.yaml'), {}, {}, { secrets: false }))
    const routes = models.get(call.model) ?? []
    const asked = { dialect: null, groups: [], task: null, purpose: null, classes: call.classes, findings: [] }
    const facts = callOf({ ...asked, tenant, model: call.model }, ASKED)
    expect(targets).toEqual(
      routes.map((target) => ({
        id: target.id,
        provider: target.provider,
        model: target.model,
        residency: target.residency,
        contract: target.contract,
        facts: { residency: residency.plugin.facts?.(facts, target) },
      })),
    )
    for (const { dialects } of routes) expect(dialects).toContain(call.dialect)
  })

  test('prints what the page shows', async () => {
    const [program, ...args] = command.split(' ')
    expect([program, args.at(-1)]).toEqual(['customhouse', file])
    const { stdout } = await run(process.execPath, [join(ROOT, 'bin/customhouse.js'), ...args], { cwd: folder })
    expect(stdout).toBe(printed)
  })

  test('is decided so by the engine of the gateway', () => {
    const shown = JSON.parse(printed) as { targets: Readonly<Record<string, Verdict>> }
    const allowed = (told: Told) => Object.keys(told).filter((id) => told[id]?.includes('residency.pin'))
    const expected = Object.keys(shown.targets).filter((id) => shown.targets[id]?.effect === 'allow')
    expect(allowed(judged(file, (input) => input))).toEqual(expected)
  })
})

describe('what the page says besides', () => {
  const found = [{ type: 'HEALTH_RECORD', count: 1, roles: ['user' as const], max_score: 0.9 }]
  const away = ['residency/endpoint', 'residency/processing', 'residency/storage']
  const [VIRGINIA, IRELAND] = [
    'virginia/us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'ireland/anthropic.claude-sonnet-4-5-20250929-v1:0',
  ]
  const cases: readonly (readonly [string, string, (input: RequestInput) => RequestInput, Told])[] = [
    [
      'a finding says what a class says',
      'hospital.json',
      (input) => ({ ...called({ classes: [] })(input), findings: found }),
      {
        [VIRGINIA]: ['residency.pin', 'retention.minimise'],
        [IRELAND]: ['residency/contract', ...away, 'residency/transfer'],
      },
    ],
    [
      'with neither, less is asked for',
      'hospital.json',
      called({ classes: [] }),
      { [VIRGINIA]: ['residency.pin'], [IRELAND]: away },
    ],
    [
      'no switch does for us_only',
      'laboratory.json',
      called({ classes: ['federal'] }),
      {
        'anthropic/claude-sonnet-4-5-20250929': ['residency/processing', 'residency/transfer'],
        'dublin/claude-sonnet-4-5-20250929': ['residency/processing', 'residency/transfer'],
      },
    ],
    [
      'a purpose that lets text go further',
      'bank.json',
      purposed('press'),
      { 'azure-ch/gpt-4o-ch': ['residency.pin'], 'azure-de/gpt-4o-de': ['residency.pin'] },
    ],
    [
      'no purpose',
      'bank.json',
      purposed(null),
      { 'azure-ch/gpt-4o-ch': ['residency/purpose'], 'azure-de/gpt-4o-de': ['residency/purpose'] },
    ],
    [
      'another deployment in Switzerland',
      'bank.json',
      (input) => ({ ...input, targets: input.targets.map((target) => ({ ...target, model: 'gpt-4o-new' })) }),
      { 'azure-ch/gpt-4o-ch': ['residency/pin'], 'azure-de/gpt-4o-de': ['residency/pin', 'residency/transfer'] },
    ],
    [
      'a certificate',
      'insurer.json',
      contracted('virginia', ['dpa', 'dpf']),
      { 'mumbai/gpt-4o': ['residency.pin'], 'virginia/gpt-4o': ['residency.pin'] },
    ],
    [
      'clauses without an assessment',
      'insurer.json',
      contracted('virginia', ['dpa', 'scc']),
      { 'mumbai/gpt-4o': ['residency.pin'], 'virginia/gpt-4o': ['residency/transfer'] },
    ],
    [
      'an assessment without clauses',
      'insurer.json',
      contracted('mumbai', ['dpa']),
      { 'mumbai/gpt-4o': ['residency/transfer'], 'virginia/gpt-4o': ['residency/transfer'] },
    ],
  ]
  test.each(cases)('%s', (_, file, change, expected) => {
    expect(judged(file, change)).toEqual(expected)
  })
})
