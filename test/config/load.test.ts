import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type Environment,
  type Flags,
  jsonSchema,
  loadConfig,
  reference,
  renderConfig,
  renderOrigins,
} from '../../src/config.ts'
import { CustomhouseError } from '../../src/core/errors.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'customhouse-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const BASE = `version: 1
tenants: { claims: {} }
providers:
  eu: { kind: openai, base_url: https://eu.api.openai.com/v1/, residency: openai/eu, credential: "\${env:KEY}" }
models:
  auto: { routes: [{ provider: eu, model: gpt-4o }] }
`
const REFERENCE = `\${env:KEY}`
const KEY = 'a-value-that-nobody-may-see'
let count = 0

function file(text: string): string {
  const path = join(folder, `c${count++}.yaml`)
  writeFileSync(path, text)
  return path
}

const load = (text: string, env: Environment = {}, flags: Flags = {}) => loadConfig(file(text), { KEY, ...env }, flags)

async function refusal(work: Promise<unknown>): Promise<CustomhouseError> {
  const error: unknown = await work.then(
    () => null,
    (cause: unknown) => cause,
  )
  if (error instanceof CustomhouseError) return error
  throw new Error(`not refused: ${inspect(error)}`)
}

describe('a configuration', () => {
  it('has defaults, milliseconds, bytes and absolute paths', async () => {
    const { config } = await load(`${BASE}limits: { body: 8MiB, timeouts: { idle: 500ms } }\nstate: ../elsewhere\n`)
    expect(config.listen).toEqual({
      data: { host: '127.0.0.1', port: 8450 },
      admin: { host: '127.0.0.1', port: 8451 },
      tls: null,
    })
    expect(config.limits.bodyBytes).toBe(8 * 1024 * 1024)
    expect(config.limits.timeouts.idleMs).toBe(500)
    expect(config.providers.get('eu')?.timeouts.idleMs).toBe(500)
    expect(config.providers.get('eu')?.baseUrl).toBe('https://eu.api.openai.com/v1')
    expect(config.state).toBe(resolve(folder, '../elsewhere'))
    expect(config.policy).toEqual({ kind: 'source', path: join(folder, 'policies') })
    expect([...config.tenants]).toEqual(['claims'])
    expect(config.models.get('auto')?.routes).toEqual([{ provider: 'eu', model: 'gpt-4o' }])
    expect(config.environment).toBe('production')
  })

  it('may begin with a byte order mark', async () => {
    const { config } = await load(`\ufeff${BASE}`)
    expect(config.version).toBe(1)
  })

  it('reads NO as Norway', async () => {
    const text = BASE.replace('residency: openai/eu', 'residency: { endpoint: [NO], processing: [NO], storage: [] }')
    const { config } = await load(text)
    expect(config.providers.get('eu')?.residency).toEqual({ endpoint: ['NO'], processing: ['NO'], storage: [] })
  })

  it('says what is missing when there is no file', async () => {
    const error = await refusal(loadConfig(join(folder, 'absent.yaml'), {}))
    expect(error.code).toBe('ERR_CONFIG_UNREADABLE')
    expect(error.message).toContain('customhouse init')
  })

  it('is found by flag, else by $CUSTOMHOUSE_CONFIG', async () => {
    const [one, two] = [file(BASE), file(BASE)]
    expect((await loadConfig(undefined, { KEY, CUSTOMHOUSE_CONFIG: one })).file).toBe(one)
    expect((await loadConfig(two, { KEY, CUSTOMHOUSE_CONFIG: one })).file).toBe(two)
  })
})

describe('precedence', () => {
  const text = `${BASE}log: { level: error }\n`
  const cases: readonly [string, string, Environment, Flags, string, string][] = [
    ['default', BASE, {}, {}, 'info', 'default'],
    ['file over default', text, {}, {}, 'error', 'file'],
    ['environment over file', text, { CUSTOMHOUSE_LOG_LEVEL: 'debug' }, {}, 'debug', 'env'],
    ['flag over environment', text, { CUSTOMHOUSE_LOG_LEVEL: 'debug' }, { logLevel: 'trace' }, 'trace', 'flag'],
    ['an empty variable is none', text, { CUSTOMHOUSE_LOG_LEVEL: '' }, {}, 'error', 'file'],
  ]
  for (const [name, yaml, env, flags, level, from] of cases) {
    it(name, async () => {
      const loaded = await load(yaml, env, flags)
      expect(loaded.config.log.level).toBe(level)
      expect(loaded.origins.find(({ path }) => path.join('.') === 'log.level')?.place.from).toBe(from)
    })
  }

  it('names the variable or flag whose value is wrong', async () => {
    const error = await refusal(load(BASE, { CUSTOMHOUSE_DATA_LISTEN: ':1' }, { logLevel: 'loud' }))
    expect(error.detail.errors).toEqual([
      'env CUSTOMHOUSE_DATA_LISTEN  listen.data: must be host:port, such as 127.0.0.1:8450, 0.0.0.0:8450 or [::1]:8450 (did you mean "127.0.0.1:1"?)',
      'flag --log-level  log.level: must be one of "fatal", "error", "warn", "info", "debug", "trace", "silent"',
    ])
  })

  it('takes paths of flags from the current folder, those of the file from its own', async () => {
    const loaded = await load(`${BASE}keys: ./k\n`, {}, { state: './s' })
    expect(loaded.config.state).toBe(resolve('./s'))
    expect(loaded.config.keys).toBe(join(folder, 'k'))
  })

  it('warns of a variable that nothing reads, with the nearest name', async () => {
    const { warnings } = await load(BASE, { CUSTOMHOUSE_LOG_LEVL: 'debug', CUSTOMHOUSE_XYZZY: '1', OTHER: '1' })
    expect(warnings).toEqual([
      'env CUSTOMHOUSE_LOG_LEVL  is not read by anything (did you mean "CUSTOMHOUSE_LOG_LEVEL"?)',
      'env CUSTOMHOUSE_XYZZY  is not read by anything',
    ])
  })
})

describe('secrets', () => {
  it('print as [secret] wherever they are written', async () => {
    const loaded = await load(BASE)
    const credential = loaded.config.providers.get('eu')?.credential
    expect(credential?.reveal()).toBe(KEY)
    const everything = [
      JSON.stringify(credential),
      JSON.stringify({ credential }),
      String(credential),
      `${credential}`,
      inspect(loaded, { depth: 20, showHidden: true }),
      inspect({ ...credential }, { depth: 5 }),
      renderConfig(loaded),
      renderOrigins(loaded, 'x'),
      loaded.digest,
    ].join('\n')
    expect(everything).not.toContain(KEY)
    expect(everything).toContain('[secret]')
  })

  it('come from files, without their last line break, and the files are watched', async () => {
    const path = join(folder, 'key')
    writeFileSync(path, `${KEY}\n`)
    const loaded = await load(BASE.replace(REFERENCE, REFERENCE.replace('env:KEY', 'file:./key')))
    expect(loaded.config.providers.get('eu')?.credential?.reveal()).toBe(KEY)
    expect(loaded.watch).toEqual([loaded.file, path])
  })

  it('need not be resolvable where they are not needed, and then cannot be revealed', async () => {
    const loaded = await loadConfig(file(BASE), {}, {}, { secrets: false })
    const credential = loaded.config.providers.get('eu')?.credential
    expect(credential?.reference).toBe(REFERENCE)
    expect(() => credential?.reveal()).toThrow(CustomhouseError)
  })

  it('are no part of the digest; the text and the overrides are', async () => {
    const path = file(BASE)
    const digest = async (env: Environment, flags: Flags = {}) => (await loadConfig(path, env, flags)).digest
    const first = await digest({ KEY })
    expect(await digest({ KEY: 'another' })).toBe(first)
    expect(await digest({ KEY, CUSTOMHOUSE_LOG_LEVEL: 'debug' })).not.toBe(first)
    expect(await digest({ KEY }, { logLevel: 'debug' })).toBe(await digest({ KEY, CUSTOMHOUSE_LOG_LEVEL: 'debug' }))
    writeFileSync(path, `${BASE}# more\n`)
    expect(await digest({ KEY })).not.toBe(first)
  })

  it('are refused in any place of the file, whatever they are', async () => {
    const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')
    const random = fc.string({ unit: character, minLength: 24, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(random, fc.constantFrom('credential', 'model'), async (tail, where) => {
        const secret = `sk-${tail}`
        const text =
          where === 'credential' ? BASE.replace(REFERENCE, secret) : BASE.replace('gpt-4o', JSON.stringify(secret))
        const error = await refusal(load(text))
        expect(error.message).not.toContain(tail)
        expect(error.message).toContain('looks like a secret itself')
      }),
      { numRuns: 50 },
    )
  })

  it('are not seen in names of models, hosts, logs and references', async () => {
    const models = [
      'meta-llama/Llama-3.1-405B-Instruct-FP8',
      'meta_llama_3_1_8b_instruct_turbo_awq_int4',
      'ft:gpt-4o-mini-2024-07-18:my-org:custom-suffix:AbCd1234',
      'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'accounts/fireworks/models/llama-v3p1-70b-instruct',
    ]
    for (const model of models) {
      const { config } = await load(BASE.replace('gpt-4o', JSON.stringify(model)))
      expect(config.models.get('auto')?.routes[0]?.model).toBe(model)
    }
    const NAME = 'THE_2ND_OPENAI_API_KEY_OF_PRODUCTION_IN_FRANKFURT'
    expect((await load(BASE.replace('env:KEY', `env:${NAME}`), { [NAME]: KEY })).warnings).toEqual([])
  })
})

describe('what is said about a configuration later', () => {
  it('has its place in the file', async () => {
    const loaded = await load(BASE)
    const error = loaded.invalid([
      { path: ['providers', 'eu', 'residency'], message: 'is not in the catalogue', hint: 'openai/us' },
    ])
    expect(error.code).toBe('ERR_CONFIG_INVALID')
    expect(error.message).toContain(
      ':4:75  providers.eu.residency: is not in the catalogue (did you mean "openai/us"?)',
    )
  })

  it('warns of what is allowed but doubtful', async () => {
    const { warnings } = await load(`${BASE}listen: { admin: "0.0.0.0:8451" }\nidentity: { gateway_keys: false }\n`)
    expect(warnings.map((line) => line.replace(/^\S+?(:\d+:\d+)/, '$1'))).toEqual([
      ':8:27  identity.gateway_keys: is false and nothing else proves who calls: every call will be refused',
      ':7:18  listen.admin: can be reached from other machines: keep it off public networks',
    ])
  })
})

describe('addresses of providers', () => {
  const warned = async (provider: string): Promise<readonly string[]> => {
    const text = `version: 1\ntenants: { t: {} }\nproviders:\n  p: ${provider}\nmodels: { m: { routes: [{ provider: p, model: m }] } }\n`
    return (await load(text)).warnings.map((line) => line.replace(/^\S+ +/, ''))
  }
  const anywhere = 'residency: { endpoint: ["*"], processing: ["*"], storage: ["*"] }'
  const key = `credential: "\${env:KEY}"`

  it.each<[string, string, readonly RegExp[]]>([
    [
      'Anthropic elsewhere, with the version',
      `{ kind: anthropic, base_url: https://a.example/v1, ${anywhere} }`,
      [/base_url: ends in \/v1 or/],
    ],
    [
      'Anthropic elsewhere, with the operation',
      `{ kind: anthropic, base_url: https://a.example/messages, ${anywhere} }`,
      [/base_url: ends in/],
    ],
    ['Anthropic elsewhere', `{ kind: anthropic, base_url: https://a.example/claude, ${anywhere} }`, []],
    [
      'Claude in Foundry',
      `{ kind: anthropic, base_url: https://r.services.ai.azure.com/anthropic, ${key}, ${anywhere} }`,
      [],
    ],
    [
      'a project in Foundry',
      `{ kind: azure, base_url: https://r.services.ai.azure.com/api/projects/p/openai/v1, ${key}, ${anywhere} }`,
      [],
    ],
    [
      'Azure behind another name',
      `{ kind: azure, base_url: https://apim.example/openai, ${anywhere} }`,
      [/base_url: does not end in \/openai\/v1/],
    ],
    [
      'OpenAI elsewhere, with the operation',
      `{ kind: openai, base_url: https://a.example/v1/chat/completions, ${anywhere} }`,
      [/base_url: names an operation/],
    ],
    ['OpenAI elsewhere, at the root', `{ kind: openai, base_url: https://a.example, ${anywhere} }`, []],
    [
      'Bedrock elsewhere, with the segment',
      `{ kind: bedrock, region: eu-west-1, base_url: https://a.example/model, ${anywhere} }`,
      [/base_url: ends in \/model/],
    ],
    [
      'OpenAI at Anthropic',
      `{ kind: openai, base_url: https://api.anthropic.com/v1, ${key}, ${anywhere} }`,
      [/kind: is openai, but .*`kind: anthropic`/],
    ],
    [
      'OpenAI at Azure',
      `{ kind: openai, base_url: https://r.openai.azure.com/openai/v1, ${key}, ${anywhere} }`,
      [/kind: is openai, but .*`kind: azure`/],
    ],
    [
      'OpenAI at Bedrock',
      `{ kind: openai, base_url: https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1, ${key}, ${anywhere} }`,
      [],
    ],
    [
      'no credential',
      `{ kind: mistral, base_url: https://api.mistral.ai/v1, ${anywhere} }`,
      [/^providers\.p: has no `credential`: the provider will refuse every call$/],
    ],
    [
      'no credential of AWS',
      `{ kind: bedrock, region: eu-central-1, ${anywhere} }`,
      [/has no `credential`.*`credential: aws`/],
    ],
    ['the chain of AWS', `{ kind: bedrock, region: eu-central-1, credential: aws, ${anywhere} }`, []],
    [
      'credentials of tenants alone',
      `{ kind: openai, base_url: https://api.openai.com/v1, tenant_credentials: { t: "\${env:KEY}" }, ${anywhere} }`,
      [],
    ],
    [
      'no credential at a server of our own',
      `{ kind: openai, base_url: https://llm.bank.example/v1, ${anywhere} }`,
      [],
    ],
  ])('%s', async (_, provider, expected) => {
    const warnings = await warned(provider)
    expect(warnings).toHaveLength(expected.length)
    for (const [index, pattern] of expected.entries()) expect(warnings[index]).toMatch(pattern)
  })
})

describe('what is made from the schema', () => {
  it('is the committed customhouse.schema.json', () => {
    expect(readFileSync(join(ROOT, 'customhouse.schema.json'), 'utf8')).toBe(
      `${JSON.stringify(jsonSchema(), null, 2)}\n`,
    )
  })
  it('keeps quiet about gateway keys that are off where signatures prove who calls', async () => {
    const { warnings } = await load(`${BASE}identity: { gateway_keys: false, sigv4: true }\n`)
    expect(warnings.filter((line) => line.includes('gateway_keys'))).toEqual([])
  })
  it('is the reference in docs/configuration.md', () => {
    expect(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')).toContain(reference())
  })
  it('fits the example in docs/configuration.md', async () => {
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')) ?? []
    const { config } = await load(example, { OPENAI_API_KEY: KEY })
    expect(config.providers.get('openai-eu')?.credential?.reveal()).toBe(KEY)
  })

  it('is a configuration again when it is shown', async () => {
    const loaded = await load(`${BASE}controls: [residency]\ndrain: { timeout: 30s }\n`)
    const again = await load(renderConfig(loaded))
    expect(inspect(again.config, { depth: 20 })).toBe(inspect(loaded.config, { depth: 20 }))
  })
})
