import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeGeneration, unplaced } from '../../src/compose/generation.ts'
import { type LoadedPolicy, loadPolicy } from '../../src/compose/policy.ts'
import { Providers } from '../../src/compose/providers.ts'
import type { Residency } from '../../src/core/call.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Json } from '../../src/core/json.ts'
import { modelPath } from '../../src/dialects/model-id.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { type Ground, type House, layGround, ROOT, startHouse } from '../house.ts'
import { converseAnswer, openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** Where each route leads: told by the kind of its provider, its address and the model's name. */

type Raw = Readonly<Record<string, Json>>
type Places = Readonly<{ endpoint: string[]; processing: string[]; storage: string[] }>
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const OPAQUE = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcdefghij12'
const FRANKFURT = 'https://bedrock-runtime.eu-central-1.amazonaws.com'
const EU = ['DE', 'ES', 'FR', 'IE', 'IT', 'SE']
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

async function generationOf(providers: Raw, routes: readonly string[] = []): Promise<Generation> {
  ground = await layGround({ providers: {}, models: { m: [...routes] }, config: { providers } })
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

describe('calls through a gateway', () => {
  let upstream: Recorder
  let house: House
  beforeAll(async () => {
    upstream = await startRecorder({
      answer: ({ path }) =>
        whole(path.includes('/model/') ? converseAnswer({ texts: ['fine'] }) : openaiAnswer({ texts: ['fine'] })),
    })
    const local = (more: Raw): Raw => bedrock({ base_url: upstream.url, residency: only('DE'), ...more })
    house = await startHouse({
      providers: {},
      models: {
        'nova-lite': ['frankfurt/amazon.nova-lite-v1:0'],
        'claude-sonnet-4-5': [`frankfurt/eu.${CLAUDE}`],
        'gpt-4o': [`frankfurt/us.${CLAUDE}`],
        'mistral-large': [`frankfurt/global.${CLAUDE}`],
        'gpt-4o-mini': [`frankfurt/${OPAQUE}`],
        auto: [`london/eu.${CLAUDE}`],
      },
      config: {
        providers: {
          frankfurt: local({}),
          london: local({ region: 'eu-west-2', base_url: upstream.url.replace('127.0.0.1', 'localhost') }),
        },
      },
    })
  })
  afterAll(async () => {
    await house?.stop()
    await upstream?.close()
  })
  const ask = (model: string): Promise<Response> =>
    fetch(`${house.customhouse.data}/bedrock/model/${encodeURIComponent(model)}/converse`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hello' }] }] }),
    })

  test('go where the policy permits all the places of the model, which the record names', async () => {
    expect((await ask('nova-lite')).status).toBe(200)
    expect((await ask('claude-sonnet-4-5')).status).toBe(200)
    const intents = (await house.trail()).filter(({ kind }) => kind === 'call.intent')
    expect(intents.map(({ body }) => body.target)).toMatchObject([
      { id: 'frankfurt/amazon.nova-lite-v1:0', residency: only('DE') },
      { id: `frankfurt/eu.${CLAUDE}`, residency: { endpoint: ['DE'], processing: EU, storage: EU } },
    ])
  })
  test.each([
    ['a profile from elsewhere', 'gpt-4o', 'unknown-residency'],
    ['global', 'mistral-large', 'unknown-residency'],
    ['opaque', 'gpt-4o-mini', 'unknown-residency'],
    ['a profile with a place that is not permitted', 'auto', 'residency/processing'],
  ])('are refused and not sent: %s', async (_, model, why) => {
    const sent = upstream.requests.length
    const answer = await ask(model)
    expect(answer.status).toBe(403)
    expect(upstream.requests.length).toBe(sent)
    const denied = (await house.trail()).findLast(({ kind }) => kind === 'call.denied')
    expect(JSON.stringify(denied?.body)).toContain(why)
  })
  test('and the log has said at the start which can never be sent', () => {
    const said = house.logged.filter(({ msg }) => String(msg).includes('no call can take the route'))
    expect(said).toHaveLength(3)
  })
})
