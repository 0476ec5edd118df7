import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { SHIPPED } from '../../plugins/residency/index.ts'
import { makeGeneration, unplaced } from '../../src/compose/generation.ts'
import { type LoadedPolicy, loadPolicy } from '../../src/compose/policy.ts'
import { Providers } from '../../src/compose/providers.ts'
import type { Residency } from '../../src/core/call.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Json } from '../../src/core/json.ts'
import { modelPath } from '../../src/dialects/model-id.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { type Ground, layGround, ROOT } from '../house.ts'

/** Where each route leads: told by the kind of its provider, its address and the model's name. */

type Raw = Readonly<Record<string, Json>>
type Places = Readonly<{ endpoint: string[]; processing: string[]; storage: string[] }>
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const OPAQUE = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcdefghij12'
const FRANKFURT = 'https://bedrock-runtime.eu-central-1.amazonaws.com'
const EU = ['DE', 'ES', 'FR', 'IE', 'IT', 'SE']
const EEA = SHIPPED.groups['EEA+CH'] ?? []
const only = (...places: string[]): Places => ({ endpoint: places, processing: places, storage: places })
const bedrock = (more: Raw = {}): Raw => ({
  kind: 'bedrock',
  region: 'eu-central-1',
  residency: 'bedrock/eu-central-1',
  ...more,
})

let policy: LoadedPolicy
let ground: Ground | undefined
beforeAll(async () => {
  const toolchain = openToolchain()
  policy = await loadPolicy({ kind: 'source', path: join(ROOT, 'policies') }, toolchain)
  await toolchain.close()
})
afterEach(() => {
  ground?.remove()
  ground = undefined
})

async function generationOf(providers: Raw, routes: readonly string[] = [], overlay?: Json): Promise<Generation> {
  const residency = overlay === undefined ? {} : { residency: { catalogue: ['own.json'] } }
  ground = await layGround({ providers: {}, models: { m: [...routes] }, config: { providers, ...residency } })
  // A relative path starts from the configuration's folder.
  if (overlay !== undefined) writeFileSync(join(ground.folder, 'own.json'), JSON.stringify(overlay))
  const made = new Providers(() => undefined, {})
  try {
    return makeGeneration(1, await ground.read(), policy, [], made)
  } finally {
    await made.close()
  }
}

describe('a target is where its provider, kind and model say', () => {
  const wide: Residency = { endpoint: ['DE'], processing: ['*'], storage: ['*'] }
  test.each<[string, Raw, string, Residency]>([
    ['in the region', bedrock(), CLAUDE, only('DE')],
    ['a profile', bedrock(), `eu.${CLAUDE}`, { endpoint: ['DE'], processing: EU, storage: EU }],
    ['global', bedrock(), `global.${CLAUDE}`, { endpoint: ['DE'], processing: null, storage: null }],
    ['opaque', bedrock(), OPAQUE, { endpoint: ['DE'], processing: null, storage: null }],
    [
      'global, declared',
      bedrock({ residency: { endpoint: ['DE'], processing: ['*'], storage: ['*'] } }),
      `global.${CLAUDE}`,
      wide,
    ],
    ['the dual-stack host', bedrock({ base_url: 'https://bedrock-runtime.eu-central-1.api.aws' }), CLAUDE, only('DE')],
    [
      'a VPC endpoint',
      bedrock({ base_url: 'https://vpce-1.example/base', residency: only('DE') }),
      `eu.${CLAUDE}`,
      { endpoint: ['DE'], processing: EU, storage: EU },
    ],
    [
      'Anthropic',
      { kind: 'anthropic', base_url: 'https://api.anthropic.com', residency: 'anthropic/global' },
      'claude',
      { endpoint: null, processing: null, storage: null },
    ],
    [
      'Mistral in Europe, declared',
      {
        kind: 'mistral',
        base_url: 'https://api.us.mistral.ai/v1',
        residency: { ...only('US'), endpoint: ['*'], storage: ['*'] },
      },
      'mistral-large',
      { endpoint: ['*'], processing: ['US'], storage: ['*'] },
    ],
    [
      'Azure, declared',
      { kind: 'azure', base_url: 'https://r.openai.azure.com/openai/v1', residency: only('SE') },
      'gpt',
      only('SE'),
    ],
  ])('%s', async (_, provider, model, expected) => {
    const generation = await generationOf({ one: provider }, [`one/${model}`])
    const target = generation.models.get('m')?.[0]
    expect(target?.residency).toEqual(expected)
    const made = generation.providers.get('one')
    const path = target?.kind === 'bedrock' ? modelPath(model, 'converse-stream') : '/chat/completions'
    const url = made?.address({ path, headers: {}, body: new Uint8Array() }) ?? ''
    expect(generation.catalogue.resolve(url)).toEqual(expected)
  })

  test('a route that leads nowhere that is known is no fault, and is told', async () => {
    const routes = [`one/${CLAUDE}`, `one/global.${CLAUDE}`, 'two/claude']
    const two = { kind: 'anthropic', base_url: 'https://api.anthropic.com', residency: 'anthropic/global' }
    expect(unplaced(await generationOf({ one: bedrock(), two }, routes))).toEqual([
      `model m: no call can take the route to one/global.${CLAUDE}, whose processing and storage nobody knows`,
      'model m: no call can take the route to two/claude, whose endpoint and processing and storage nobody knows',
    ])
  })
})

describe('where the body decides, target and dispatch agree', () => {
  const OVERLAY = {
    version: 2,
    as_of: '2026-11-20',
    sources: { az: 'az cognitiveservices account deployment list' },
    azure: {
      resources: {
        claims: { location: 'swedencentral', deployments: { home: 'Standard', all: 'GlobalStandard' }, source: 'az' },
      },
    },
  }
  const azure = { kind: 'azure', base_url: 'https://claims.openai.azure.com/openai/v1', residency: 'azure/claims' }
  const vertex = {
    kind: 'openai',
    base_url: 'https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi',
    residency: 'vertex/eu',
  }
  const oci = {
    kind: 'openai',
    base_url: 'https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1',
    residency: 'oci/eu-frankfurt-1',
  }
  const openai = {
    kind: 'openai',
    base_url: 'https://api.openai.com/v1',
    residency: 'openai/global',
    project: 'GB_STORAGE',
  }
  const EU27 = SHIPPED.groups['EU-27'] ?? []
  test.each<[string, Raw, string, Residency]>([
    ['Azure, in the resource`s geography', azure, 'home', only('SE')],
    ['Azure, anywhere', azure, 'all', { ...only('SE'), processing: ['*'] }],
    ['Azure, a deployment that is not listed', azure, 'new', { ...only('SE'), processing: null }],
    ['Vertex in the EU', vertex, 'google/gemini-2.5-flash', only(...EU27)],
    ['OCI in Frankfurt', oci, 'meta.llama-3.3-70b-instruct', only('DE')],
    ['OCI, hosted by its vendor', oci, 'xai.grok-4', { endpoint: ['DE'], processing: null, storage: null }],
    ['a project', openai, 'gpt', { endpoint: null, processing: null, storage: ['GB'] }],
    [
      'a regional project',
      { ...openai, base_url: 'https://eu.api.openai.com/v1', residency: 'openai/eu', project: 'GLOBAL' },
      'gpt',
      { endpoint: EEA, processing: EEA, storage: null },
    ],
  ])('%s', async (_, provider, model, expected) => {
    const generation = await generationOf({ one: provider }, [`one/${model}`], OVERLAY)
    expect(generation.models.get('m')?.[0]?.residency).toEqual(expected)
    const body = Buffer.from(JSON.stringify({ model, messages: [] }))
    const url = generation.providers.get('one')?.address({ path: '/chat/completions', headers: {}, body }) ?? ''
    expect(generation.catalogue.resolve(url, body)).toEqual(expected)
    // What another body asks for is never the target's.
    const other = Buffer.from(JSON.stringify({ model: 'x', messages: [] }))
    const unless = ['Vertex in the EU', 'a project', 'a regional project'].includes(_) ? expected.processing : null
    expect(generation.catalogue.resolve(url, other).processing).toEqual(unless)
  })

  test.each<[string, Raw, RegExp]>([
    [
      'a resource that no row lists',
      { one: { ...azure, residency: 'azure/other' } },
      /no entry "azure\/other"; it has azure\/claims, /,
    ],
    [
      'another resource',
      { one: { ...azure, base_url: 'https://other.openai.azure.com/openai/v1' } },
      /claims\.openai\.azure\.com.* only/,
    ],
    ['Vertex for another kind', { one: { ...vertex, kind: 'mistral' } }, /residency vertex\/eu is for `kind: openai`/],
    [
      'a project of another host',
      { one: { ...openai, project: 'EU_STORAGE_PROCESSING' } },
      /providers\.one\.project: is used at eu\.api\.openai\.com/,
    ],
    [
      'a project at a server of your own',
      { one: { ...openai, base_url: 'https://a.example/v1', residency: only('DE') } },
      /providers\.one\.project: .*at none of its hosts/,
    ],
    [
      'a declaration that is narrower than its project',
      { one: { ...openai, residency: { ...only('*'), storage: ['KR'] } } },
      /storage declared .* lacks GB/,
    ],
    [
      'two projects at one address',
      { one: openai, two: { ...openai, project: 'JP_STORAGE' } },
      /providers\.two\.project: keeps text elsewhere than the project of one.*declare for both/,
    ],
    [
      'a project beside none',
      { one: openai, two: { kind: 'openai', base_url: openai.base_url, residency: 'openai/global' } },
      /providers\.two\.residency: keeps text elsewhere/,
    ],
  ])('refused, at its place: %s', async (_, providers, message) => {
    await expect(generationOf(providers, ['one/m'], OVERLAY)).rejects.toThrow(message)
  })
  test('two projects at one address stand where both declare the places of both', async () => {
    const residency = { endpoint: ['*'], processing: ['*'], storage: ['GB', 'JP'] }
    const two = { ...openai, residency, project: 'JP_STORAGE' }
    const { models } = await generationOf({ one: { ...openai, residency }, two }, ['one/m', 'two/m'])
    expect(models.get('m')?.map((target) => target.residency)).toEqual([residency, residency])
  })
})

describe('what does not fit is refused, at its place', () => {
  test.each<[string, Raw, RegExp]>([
    [
      'an entry for Azure',
      { one: { kind: 'azure', base_url: 'https://r.openai.azure.com/openai/v1', residency: 'azure/eu' } },
      /providers\.one\.residency.*deployment's type/s,
    ],
    [
      'an entry of Bedrock for another kind',
      { one: { kind: 'openai', base_url: `${FRANKFURT}/openai/v1`, residency: 'bedrock/eu-central-1' } },
      /`kind: bedrock` only/,
    ],
    [
      'an entry of another kind for Bedrock',
      { one: bedrock({ base_url: 'https://eu.api.openai.com', residency: 'openai/eu' }) },
      /nothing of Bedrock's models/,
    ],
    [
      'an entry of another region',
      { one: bedrock({ residency: 'bedrock/us-east-1' }) },
      /^\S+:\d+:\d+ {2}providers\.one\.region: is eu-central-1, but residency is of us-east-1$/m,
    ],
    [
      'a misspelt region',
      { one: bedrock({ region: 'eu-centrall-1' }) },
      /providers\.one\.region: is eu-centrall-1, but residency is of eu-central-1 \(did you mean "eu-central-1"\?\)$/,
    ],
    [
      'a misspelt entry',
      { one: bedrock({ residency: 'bedrock/eu-centrl-1' }) },
      /1 error:\n\S+ {2}providers\.one\.residency: .* \(did you mean "bedrock\/eu-central-1"\?\); it has bedrock\/eu-central-1, (\S+, ){2}\S+ and \d+ more: \S+$/,
    ],
    [
      'a host of another region',
      { one: bedrock({ base_url: 'https://bedrock-runtime.us-east-1.amazonaws.com', residency: 'bedrock/us-east-1' }) },
      /region: is eu-central-1, but residency is of us-east-1/,
    ],
    [
      'a declaration for a host of another region',
      { one: bedrock({ base_url: 'https://bedrock-runtime.us-east-1.amazonaws.com', residency: only('US') }) },
      /is in us-east-1, not in eu-central-1/,
    ],
    [
      'a declaration that is narrower',
      { one: bedrock({ residency: { endpoint: ['DE'], processing: ['DE'], storage: [] } }) },
      /storage .* lacks DE/,
    ],
    [
      'a place for Anthropic',
      { one: { kind: 'anthropic', base_url: 'https://api.anthropic.com', residency: only('US') } },
      /endpoint names places .* promises none/,
    ],
    [
      'less than Mistral says',
      {
        one: {
          kind: 'mistral',
          base_url: 'https://api.eu.mistral.ai/v1',
          residency: { ...only('*'), processing: ['FR'] },
        },
      },
      /processing .* lacks AT, BE/,
    ],
    [
      'two residencies at one address',
      { one: bedrock(), two: bedrock({ residency: { ...only('*'), endpoint: ['DE'] } }) },
      /providers\.two\.residency.*otherwise than that of one/s,
    ],
    [
      'two regions at one address',
      {
        one: bedrock({ base_url: 'https://a.example', residency: only('DE') }),
        two: bedrock({ region: 'eu-west-1', base_url: 'https://a.example/x', residency: only('DE') }),
      },
      /otherwise than that of one/,
    ],
  ])('%s', async (_, providers, message) => {
    const [route] = Object.keys(providers)
    const made = generationOf(providers, [`${route}/m`])
    await expect(made).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' })
    await expect(made).rejects.toThrow(message)
  })
  test('but two host names of one region may differ, and two kinds may share an address', async () => {
    const dual = bedrock({
      base_url: 'https://bedrock-runtime.eu-central-1.api.aws',
      residency: { ...only('*'), endpoint: ['DE'] },
    })
    const shared = {
      sim: bedrock({ base_url: 'https://sim.example', residency: only('DE') }),
      other: { kind: 'openai', base_url: 'https://sim.example/v1', residency: only('DE') },
    }
    const routes = [`one/${CLAUDE}`, `two/global.${CLAUDE}`, `sim/global.${CLAUDE}`, `other/global.${CLAUDE}`]
    const { models } = await generationOf({ one: bedrock(), two: dual, ...shared }, routes)
    expect(models.get('m')?.map(({ residency }) => residency.processing)).toEqual([['DE'], ['*'], null, ['DE']])
  })
})
