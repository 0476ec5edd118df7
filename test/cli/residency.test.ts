import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { copyPolicies } from '../house.ts'
import { account, deployment, EU, GLOBAL, list, OWN, router } from './residency-samples.ts'
import { newFolder, run } from './run.ts'

/** `customhouse residency`, as a process of its own. */

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const ROUTER = router([String(OWN.inferenceProfileArn)], String(EU.inferenceProfileArn))
const UNSEEN = String(ROUTER.promptRouterArn).replace('p8d3k1z6t0wc', 'p8d3k1z6t0wd')

const folder = newFolder()
const gateway = join(folder, 'gateway')
const overlay = join(gateway, 'residency.json')
const write = (name: string, content: Json): string => {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify(content))
  return file
}
const BEDROCK = ['bedrock', 'profiles.json', 'router.json', '--as-of', '2026-11-20']
const AZURE = ['azure', 'deployments.json', '--account', 'account.json', '--as-of', '2020-01-01']
const imported = (...args: readonly string[]) => run(['residency', 'import', ...args], { cwd: folder })

const bedrock = { kind: 'bedrock', region: 'eu-west-2', residency: 'bedrock/eu-west-2', credential: 'aws' }
/** A reference in the configuration, which nothing here resolves. */
const secret = (name: string): string => ['$', `{env:${name}}`].join('')
const anywhere = { endpoint: ['*'], processing: ['*'], storage: ['*'] }
const route = (provider: string, model: string) => ({ provider, model })
const CONFIG = {
  version: 1,
  policy: { source: './policies' },
  residency: { catalogue: ['./residency.json'] },
  tenants: { claims: {}, research: {}, lab: {} },
  providers: {
    'openai-eu': {
      kind: 'openai',
      base_url: 'https://eu.api.openai.com/v1',
      residency: 'openai/eu',
      credential: secret('OPENAI_API_KEY'),
    },
    azure: { kind: 'azure', base_url: 'https://claims-oai.openai.azure.com/openai/v1', residency: 'azure/claims-oai' },
    anthropic: {
      kind: 'anthropic',
      base_url: 'https://api.anthropic.com',
      residency: anywhere,
      tenant_credentials: { lab: secret('ANTHROPIC_API_KEY') },
    },
    own: {
      kind: 'openai',
      base_url: 'https://llm.bank.example/v1',
      residency: { endpoint: ['CH'], processing: ['CH'], storage: [] },
    },
    london: bedrock,
  },
  models: {
    'gpt-4o': {
      routes: [
        route('openai-eu', 'gpt-4o'),
        route('azure', 'zone'),
        route('azure', 'any'),
        route('azure', 'elsewhere'),
        route('own', 'llama'),
      ],
    },
    auto: { routes: [route('openai-eu', 'gpt-4o')] },
    'claude-sonnet-4-5': {
      routes: [
        route('london', CLAUDE),
        route('london', `eu.${CLAUDE}`),
        route('london', `global.${CLAUDE}`),
        route('london', String(ROUTER.promptRouterArn)),
        route('london', UNSEEN),
        route('anthropic', 'claude-sonnet-4-5-20250929'),
      ],
    },
  },
}

beforeAll(async () => {
  expect((await run(['init', 'gateway'], { cwd: folder })).code).toBe(0)
  copyPolicies(join(gateway, 'policies'))
  writeFileSync(join(gateway, 'customhouse.yaml'), JSON.stringify(CONFIG))
  write('profiles.json', list(EU, GLOBAL, OWN))
  write('router.json', ROUTER)
  write('account.json', account())
  write('deployments.json', [deployment('zone', 'DataZoneStandard'), deployment('any', 'GlobalStandard')])
  // What the rest reads.
  expect((await imported(...BEDROCK, '--into', overlay)).code).toBe(0)
  expect((await imported(...AZURE, '--into', overlay)).code).toBe(0)
})

describe('residency import', () => {
  it('prints an overlay, or makes the file that --into names, or adds to it and keeps its mode', async () => {
    const into = join(folder, 'made.json')
    const printed = await imported(...BEDROCK)
    expect(printed.code).toBe(0)
    expect(printed.stderr).toBe('Imported 6 names of profiles and routers, called from eu-west-2.\n')
    const { code, stdout } = await imported(...BEDROCK, '--into', into)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(readFileSync(into, 'utf8')).toBe(printed.stdout)
    const before = JSON.parse(printed.stdout)
    expect(before).toMatchObject({
      version: 2,
      bedrock: {
        imported: { 'eu-west-2': { [`eu.${CLAUDE}`]: { regions: ['eu-central-1', 'eu-west-2', 'eu-west-3'] } } },
      },
    })
    const { mode } = statSync(into)
    expect((await imported(...AZURE, '--into', into)).code).toBe(0)
    const after = JSON.parse(readFileSync(into, 'utf8'))
    expect(after.bedrock).toEqual(before.bedrock)
    expect(after.azure.resources['claims-oai']).toMatchObject({
      location: 'swedencentral',
      deployments: { any: 'GlobalStandard', zone: 'DataZoneStandard' },
      as_of: '2020-01-01',
    })
    expect(statSync(into).mode).toBe(mode)
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([])
  })

  it('takes the name of an account where its location is said', async () => {
    const { code, stdout } = await imported(
      'azure',
      'deployments.json',
      '--account',
      'claims-openai',
      '--location',
      'swedencentral',
    )
    expect(code).toBe(0)
    expect(Object.keys(JSON.parse(stdout).azure.resources)).toEqual(['claims-openai'])
  })

  it.each<[string, readonly string[], number, string]>([
    [
      'another account',
      ['azure', 'deployments.json', '--account', 'other', '--location', 'swedencentral'],
      2,
      'deployments.json#/0/id: ',
    ],
    ['a name without a location', ['azure', 'deployments.json', '--account', 'other'], 3, '--location'],
    ['what the commands do not print', ['bedrock', 'account.json'], 2, 'account.json#: '],
    ['a file that is none', ['bedrock', 'absent.json'], 1, 'absent.json'],
    ['a day to come', ['bedrock', 'profiles.json', '--as-of', '2999-01-01'], 3, 'a day that has come'],
    ['no day', ['bedrock', 'profiles.json', '--as-of', '2026-02-30'], 3, 'a day that has come'],
  ])('refuses %s, and writes nothing', async (_, args, exit, words) => {
    const into = join(folder, 'never.json')
    const { code, stdout, stderr } = await imported(...args, '--into', into)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr).toContain(words)
    expect(existsSync(into)).toBe(false)
  })

  it('leaves a file as it is that the gateway would not take', async () => {
    const into = join(folder, 'mine.json')
    for (const text of ['{"version":2,"as_of":"2026-01-01","sources":{},"entires":{}}', '{"version":1}', '{']) {
      writeFileSync(into, text)
      const { code } = await imported('bedrock', 'profiles.json', '--into', into)
      expect(code).toBe(2)
      expect(readFileSync(into, 'utf8')).toBe(text)
    }
  })
})

type Answered = Readonly<{ jurisdiction: string; answer: string; reason: string | null }>
type Told = Readonly<{
  id: string
  models: readonly string[]
  residency: Readonly<Record<string, readonly string[] | null>>
  row: Readonly<Record<string, unknown>>
  switches: readonly unknown[]
  jurisdictions: readonly Answered[]
  verdicts?: readonly Readonly<{
    model: string
    effect: string
    reason: string | null
    obligations: readonly string[]
  }>[]
}>

async function shown(...args: readonly string[]): Promise<ReadonlyMap<string, Told>> {
  const { code, stdout } = await run(['residency', 'show', '--json', ...args], { cwd: gateway })
  expect(code).toBe(0)
  const report: { targets: readonly Told[] } = JSON.parse(stdout)
  return new Map(report.targets.map((target) => [target.id, target]))
}
const answers = (target: Told | undefined): Record<string, string> =>
  Object.fromEntries((target?.jurisdictions ?? []).map(({ jurisdiction, answer }) => [jurisdiction, answer]))
const reason = (target: Told | undefined, of: string) =>
  target?.jurisdictions.find(({ jurisdiction }) => jurisdiction === of)?.reason

describe('residency show', () => {
  it('needs no secret, touches no ledger, and answers by jurisdiction', async () => {
    const targets = await shown()
    expect(existsSync(join(gateway, 'state'))).toBe(false)
    const rows: readonly [string, string][] = [
      [`london/${CLAUDE}`, 'no no no no yes no'],
      [`london/eu.${CLAUDE}`, 'no no no no no no'],
      [`london/global.${CLAUDE}`, 'no no no no unknown no'],
      [`london/${ROUTER.promptRouterArn}`, 'no no no no no no'],
      [`london/${UNSEEN}`, 'no no no no unknown no'],
      ['azure/zone', 'yes yes yes no no no'],
      ['azure/any', 'no no no no no no'],
      ['azure/elsewhere', 'unknown unknown unknown no no no'],
      ['openai-eu/gpt-4o', 'no no yes no no no'],
      ['own/llama', 'no no yes yes no no'],
      ['anthropic/claude-sonnet-4-5-20250929', 'no no no no no no'],
    ]
    expect(targets.size).toBe(rows.length)
    for (const [id, words] of rows) {
      const { EU, EEA, 'EEA+CH': wide, CH, UK, US } = answers(targets.get(id))
      expect([EU, EEA, wide, CH, UK, US].join(' '), id).toBe(words)
    }
    expect(answers(targets.get('azure/zone'))).toMatchObject({ SE: 'no', DE: 'no' })
    expect(targets.get('openai-eu/gpt-4o')?.models).toEqual(['gpt-4o', 'auto'])
  })

  it('says why, in words', async () => {
    const targets = await shown()
    expect(reason(targets.get(`london/eu.${CLAUDE}`), 'UK')).toBe(
      'eu. profile from eu-west-2 may run and text may be kept in DE and FR',
    )
    expect(reason(targets.get(`london/${UNSEEN}`), 'UK')).toContain('import the prompt-router')
    expect(reason(targets.get('azure/elsewhere'), 'EU')).toContain('import the deployment "elsewhere"')
    expect(reason(targets.get('openai-eu/gpt-4o'), 'EEA+CH')).toBeNull()
    expect(reason(targets.get('openai-eu/gpt-4o'), 'EEA')).toMatch(/in CH$/)
  })

  it('names the row, its day and its age, and what a switch can do', async () => {
    const targets = await shown()
    expect(targets.get('azure/zone')?.row).toMatchObject({
      entry: 'azure/claims-oai',
      source: 'imported',
      as_of: '2020-01-01',
      aged: true,
      host: 'claims-oai.openai.azure.com',
    })
    expect(targets.get(`london/eu.${CLAUDE}`)?.row).toMatchObject({ source: 'imported', as_of: '2026-11-20' })
    expect(targets.get('own/llama')?.row).toMatchObject({ entry: null, source: 'declared', as_of: null, aged: false })
    expect(targets.get('anthropic/claude-sonnet-4-5-20250929')?.switches).toEqual([
      { inference_geo: 'us', processing: ['US'] },
    ])
  })

  it('is of one provider or model where that is asked', async () => {
    expect([...(await shown('--provider', 'own')).keys()]).toEqual(['own/llama'])
    expect([...(await shown('--model', 'auto')).keys()]).toEqual(['openai-eu/gpt-4o'])
  })

  it('prints for people within 100 columns, and warns of rows that are too old', async () => {
    const { code, stdout, stderr } = await run(['residency', 'show'], { cwd: gateway })
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^TARGET +EU +EEA +EEA\+CH +CH +UK +US$/)
    expect(lines).toContain(`${'azure/zone'.padEnd(52)}yes     yes     yes     no      no      no`)
    // Only an ARN, which has no place to be broken at, may be longer.
    expect(lines.filter((line) => line.length > 100 && !line.includes('arn:'))).toEqual([])
    expect(stdout).not.toContain('\u001b')
    expect(stderr).toContain(
      'warning: residency  older than residency.max_age (180 days): azure/claims-oai; the oldest is of 2020-01-01',
    )
  })

  it('--tenant has the real policy judge each target', async () => {
    const claims = await shown('--tenant', 'claims')
    const said = (id: string) => claims.get(id)?.verdicts
    expect(said('azure/zone')).toMatchObject([{ model: 'gpt-4o', effect: 'allow', obligations: ['residency.pin'] }])
    expect(said('azure/any')).toMatchObject([
      { effect: 'deny', reason: expect.stringMatching(/^residency\/processing: /) },
    ])
    expect(said('azure/elsewhere')).toMatchObject([
      { effect: 'deny', reason: expect.stringMatching(/^base\/unknown-residency: /) },
    ])
    expect(said('openai-eu/gpt-4o')).toMatchObject([{ model: 'gpt-4o' }, { model: 'auto' }])
    expect(said('anthropic/claude-sonnet-4-5-20250929')).toMatchObject([
      { effect: 'deny', reason: expect.stringMatching(/^base\/no-credential: /) },
    ])
    const lab = await shown('--tenant', 'lab', '--model', 'claude-sonnet-4-5')
    expect(lab.get('anthropic/claude-sonnet-4-5-20250929')?.verdicts).toMatchObject([{ effect: 'allow' }])
    expect(existsSync(join(gateway, 'state'))).toBe(false)
  }, 180_000)

  it('the task and the classes of data of the call count', async () => {
    // claims' shipped data, with a class that may be processed in Germany alone; its tests pin the shipped choices.
    const file = join(gateway, 'policies', 'org', 'residency.yaml')
    const tests = join(gateway, 'policies', 'org_test.rego')
    const pinned = readFileSync(tests, 'utf8')
    rmSync(tests)
    const shipped = readFileSync(file, 'utf8')
    const german = shipped.replace(
      '    claims:\n',
      '    claims:\n      data_classes: { plain: {}, local: { processing: [DE] } }\n',
    )
    writeFileSync(file, german.replace('  regions:\n', '  regions:\n    DE: { DE: Germany }\n'))
    try {
      const verdicts = async (...more: readonly string[]) =>
        (await shown('--tenant', 'claims', '--provider', 'own', ...more)).get('own/llama')?.verdicts
      expect(await verdicts('--data-class', 'plain')).toMatchObject([{ effect: 'allow' }])
      expect(await verdicts('--data-class', 'plain', '--data-class', 'local')).toMatchObject([
        { effect: 'deny', reason: expect.stringMatching(/^residency\/processing: /) },
      ])
      expect(await verdicts('--task', 'no-such-task')).toMatchObject([{ effect: 'deny' }])
    } finally {
      writeFileSync(file, shipped)
      writeFileSync(tests, pinned)
    }
  }, 180_000)

  it.each<[string, readonly string[], number, string]>([
    ['a tenant that is not', ['--tenant', 'claim'], 2, 'no tenant "claim" (did you mean "claims"?)'],
    ['a provider that is not', ['--provider', 'lodnon'], 2, 'no provider "lodnon" (did you mean "london"?)'],
    ['a model that is not', ['--model', 'xyzzy'], 2, 'no model "xyzzy" (known: gpt-4o, '],
    ['a call of nobody', ['--task', 'triage'], 3, '--tenant'],
    ['a missing configuration', ['-c', 'absent.yaml'], 1, 'ERR_CONFIG_UNREADABLE'],
  ])('refuses %s', async (_, args, exit, words) => {
    const { code, stdout, stderr } = await run(['residency', 'show', ...args], { cwd: gateway })
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr).toContain(words)
  })

  it('check warns of the same rows, and finds nothing wrong', async () => {
    const env = { OPENAI_API_KEY: 'x', ANTHROPIC_API_KEY: 'x' }
    const { code, stderr } = await run(['check'], { cwd: gateway, env })
    expect(code).toBe(0)
    expect(stderr.match(/^warning: residency .*azure\/claims-oai.*$/gm)).toHaveLength(1)
  }, 180_000)
})

describe('residency rows', () => {
  it('are those of the shipped catalogue, with their sources', async () => {
    const { code, stdout } = await run(['residency', 'rows', '--kind', 'openai'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^openai\/us +\d{4}-\d\d-\d\d \[1\]\n {14}endpoint, processing and storage US$/m)
    expect(stdout).toMatch(/^\[1\] +https:\/\//m)
    const json = JSON.parse((await run(['residency', 'rows', '--json'])).stdout)
    expect(json).toContainEqual(
      expect.objectContaining({ id: 'openai/us', author: 'catalogue', aged: false, file: null }),
    )
  })

  it('are with a configuration those in force', async () => {
    const { stdout } = await run(['residency', 'rows', '-c', 'customhouse.yaml', '--kind', 'azure'], { cwd: gateway })
    expect(stdout).toMatch(
      /^azure\/claims-oai +2020-01-01 \[\d\], imported \(residency\.json\), older than residency\.max_age$/m,
    )
  })

  it('of a kind that is not are wrong usage', async () => {
    const { code, stderr } = await run(['residency', 'rows', '--kind', 'nosuch'])
    expect(code).toBe(3)
    expect(stderr).toContain('there are anthropic, azure, bedrock')
  })
})
