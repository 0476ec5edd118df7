import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeGeneration } from '../../src/compose/generation.ts'
import { type LoadedPolicy, loadPolicy } from '../../src/compose/policy.ts'
import { Providers } from '../../src/compose/providers.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Json } from '../../src/core/json.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { type Ground, type House, layGround, ROOT, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { makeProbe, probePolicies } from '../probe.ts'

/** Calls whose verdict is known: a version that judges one otherwise is not activated, and the message names it. */

type Canary = Readonly<Record<string, Json>>
type Canaries = Readonly<{ allow?: readonly Canary[]; deny?: readonly Canary[] }>

const RULES = `
satisfied[target.id] := true if {
	some target in targets
	"DE" in target.residency.processing
	not refused
	not elsewhere(target)
}

obligations[target.id] := [] if some target in targets

reasons[target.id] contains {"rule": "probe/refused", "controls": [], "message": "refused"} if {
	some target in targets
	refused
}

refused if input.call.principal.tenant == "lab"

refused if {
	input.call.task == "whole"
	input.call.stream
}

refused if {
	input.call.task == "openai"
	input.call.dialect != "openai.chat"
}

refused if {
	input.call.task == "count"
	input.call.operation != "count_tokens"
}

refused if {
	some finding in input.findings
	finding.type == "PHI"
}

refused if {
	input.call.task == "slow"
	text := json.marshal(numbers.range(1, 1000))
	every n in numbers.range(1, 380) { count(json.unmarshal(text)) > n }
}

elsewhere(target) if {
	target.provider == "one"
	not "staff" in input.call.principal.groups
}
`

const PLACE = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
const PROVIDERS = {
  one: { kind: 'openai', base_url: 'https://one.example/v1', residency: PLACE },
  two: { kind: 'openai', base_url: 'https://two.example/v1', residency: PLACE },
  claude: { kind: 'anthropic', base_url: 'https://three.example', residency: PLACE },
  nowhere: { kind: 'anthropic', base_url: 'https://api.anthropic.com', residency: 'anthropic/global' },
}
const MODELS = {
  m: ['one/gpt', 'two/gpt', 'claude/c'],
  one: ['one/gpt'],
  lost: ['nowhere/c'],
}

let ground: Ground
let policy: LoadedPolicy
beforeAll(async () => {
  ground = await layGround({
    providers: {},
    policies: probePolicies(RULES),
    config: { providers: PROVIDERS },
    models: MODELS,
  })
  const toolchain = openToolchain()
  policy = await loadPolicy({ kind: 'source', path: ground.policies }, toolchain)
  await toolchain.close()
})
afterAll(() => ground?.remove())

async function generationWith(canaries: Canaries, by: LoadedPolicy = policy): Promise<Generation> {
  const config = JSON.parse(readFileSync(ground.config, 'utf8'))
  writeFileSync(ground.config, JSON.stringify({ ...config, policy: { source: ground.policies, canaries } }))
  const providers = new Providers(() => undefined, {})
  try {
    return await makeGeneration(1, await ground.read(), by, [makeProbe()], providers)
  } finally {
    await providers.close()
  }
}

const all = { tenant: 'claims', model: 'm' }

describe('canaries that come out as they must', () => {
  test.each<[string, Canaries]>([
    ['none', {}],
    ['one target is enough', { allow: [all] }],
    ['with a group', { allow: [{ tenant: 'claims', model: 'one', groups: ['staff'] }] }],
    ['in one dialect', { allow: [{ ...all, task: 'openai', dialect: 'openai.chat' }] }],
    [
      'denied by a control',
      {
        deny: [
          { tenant: 'lab', model: 'm' },
          { tenant: 'claims', model: 'one' },
        ],
      },
    ],
    ['denied for what was found', { deny: [{ ...all, findings: ['PHI'] }], allow: [{ ...all, findings: ['NAME'] }] }],
    ['denied by the base: nobody knows where', { deny: [{ tenant: 'claims', model: 'lost' }] }],
    ['denied by the base: no dialect', { deny: [{ tenant: 'claims', model: 'one', dialect: 'bedrock.converse' }] }],
  ])('%s', async (_, canaries) => {
    expect((await generationWith(canaries)).number).toBe(1)
  })
})

describe('canaries that come out otherwise are all named, with the rule or the target', () => {
  const at = (place: string, rest: string) => `policy.canaries.${place} (${rest}`
  test.each<[string, Canaries, readonly string[]]>([
    [
      'an allow that is denied, in each way of asking',
      { allow: [all, { tenant: 'lab', model: 'one' }] },
      ['whole', 'streamed'].map((how) =>
        at('allow[1]', `tenant lab, model one, openai.chat chat, ${how}) is denied by probe/refused`),
      ),
    ],
    [
      'an allow that is denied when streamed',
      { allow: [{ ...all, task: 'whole' }] },
      ['openai.chat', 'anthropic.messages'].map((dialect) =>
        at('allow[0]', `tenant claims, model m, ${dialect} chat, streamed) is denied by probe/refused`),
      ),
    ],
    [
      'an allow that is denied in one of the dialects of its targets',
      { allow: [{ ...all, task: 'openai' }] },
      ['whole', 'streamed'].map((how) =>
        at('allow[0]', `tenant claims, model m, anthropic.messages chat, ${how}) is denied by probe/refused`),
      ),
    ],
    [
      'an allow for what was found',
      { allow: [{ ...all, findings: ['NAME', 'PHI'], dialect: 'openai.chat' }] },
      ['whole', 'streamed'].map((how) =>
        at('allow[0]', `tenant claims, model m, openai.chat chat, ${how}) is denied by probe/refused`),
      ),
    ],
    [
      'an allow that the base denies',
      { allow: [{ tenant: 'claims', model: 'lost' }] },
      ['whole', 'streamed'].map((how) =>
        at(
          'allow[0]',
          `tenant claims, model lost, anthropic.messages chat, ${how}) is denied by base/unknown-residency`,
        ),
      ),
    ],
    [
      'a deny that is allowed, at one target of several',
      {
        deny: [
          { tenant: 'lab', model: 'm' },
          { ...all, dialect: 'openai.chat' },
        ],
      },
      ['chat, whole', 'chat, streamed', 'count_tokens, whole', 'count_tokens, streamed'].map((how) =>
        at('deny[1]', `tenant claims, model m, openai.chat ${how}) is allowed at two/gpt`),
      ),
    ],
    [
      'a deny that is allowed for one operation alone',
      { deny: [{ ...all, task: 'count', dialect: 'anthropic.messages' }] },
      ['whole', 'streamed'].map((how) =>
        at('deny[0]', `tenant claims, model m, anthropic.messages count_tokens, ${how}) is allowed at claude/c`),
      ),
    ],
  ])('%s', async (_, canaries, lines) => {
    const failure = await generationWith(canaries).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_POLICY_CANARY', detail: { canaries: lines } })
    expect(String(failure)).toContain(lines.join('\n'))
  })
})

test('a deny that was not judged to its end is no denial: the version is refused', async () => {
  const toolchain = openToolchain()
  const limits = { inputBytes: 1, timeMs: 20, share: 20 }
  const hurried = await loadPolicy({ kind: 'source', path: ground.policies }, toolchain, limits)
  await toolchain.close()
  const slow = { deny: [{ ...all, task: 'slow' }] }
  await expect(generationWith(slow, hurried)).rejects.toMatchObject({
    code: 'ERR_POLICY_CANARY',
    message: expect.stringMatching(/tenant claims, model m, .* could not be judged to its end: .*longer than 20 ms/),
  })
  hurried.retire()
  // With the time that it needs it is the denial that it is.
  expect((await generationWith(slow)).number).toBe(1)
})

describe('a gateway', () => {
  let upstream: Recorder
  let house: House | undefined
  beforeAll(async () => {
    upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  })
  afterAll(() => upstream?.close())
  afterEach(async () => {
    await house?.stop()
    house = undefined
  })

  const canaries = { allow: [{ tenant: 'claims', model: 'gpt-4o' }], deny: [{ tenant: 'claims', model: 'abroad' }] }
  const start = (deny = canaries.deny): Promise<House> =>
    startHouse({
      providers: { one: { url: `${upstream.url}/v1` }, two: { url: `${upstream.url}/v2`, places: ['US'] } },
      models: { 'gpt-4o': ['one/gpt-4o'], auto: ['one/gpt-4o'], abroad: ['one/gpt-4o'] },
      config: {
        policy: { source: './policies', canaries: { ...canaries, deny } },
        models: {
          'gpt-4o': { routes: [{ provider: 'one', model: 'gpt-4o' }] },
          abroad: { routes: [{ provider: 'two', model: 'gpt-4o' }] },
        },
        providers: {
          one: { kind: 'openai', base_url: `${upstream.url}/v1`, residency: PLACE },
          two: {
            kind: 'openai',
            base_url: 'http://localhost:9/v1',
            residency: { endpoint: ['US'], processing: ['US'], storage: ['US'] },
          },
        },
      },
    })

  test('keeps the last good version when one would judge a canary otherwise, says which on record, and takes the next that does not', async () => {
    house = await start()
    const { customhouse, config } = house
    const good = readFileSync(config, 'utf8')
    writeFileSync(config, good.replace('"allow": [', '"allow": [{ "tenant": "claims", "model": "abroad" },'))
    const report = await customhouse.reload()
    expect(report).toMatchObject({ activated: false, error: { code: 'ERR_POLICY_CANARY' } })
    const answer = await fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    })
    expect(answer.status).toBe(200)
    const rejected = (await house.records()).filter(({ kind }) => kind === 'policy.rejected')
    expect(JSON.stringify(rejected[0]?.body)).toContain(
      'policy.canaries.allow[0] (tenant claims, model abroad, openai.chat chat, whole) is denied by',
    )
    writeFileSync(config, good.replace('"environment": "test"', '"environment": "other"'))
    expect(await customhouse.reload()).toMatchObject({ activated: true })
  })

  test('does not start with one', async () => {
    await expect(start([{ tenant: 'claims', model: 'gpt-4o' }])).rejects.toMatchObject({ code: 'ERR_POLICY_CANARY' })
  })

  test('`check` judges them too', async () => {
    house = await start()
    const check = () =>
      spawnSync(process.execPath, [join(ROOT, 'bin/customhouse.js'), 'check', '-c', house?.config ?? ''], {
        encoding: 'utf8',
      })
    expect(check()).toMatchObject({ status: 0, stderr: expect.stringContaining('1 allowed and 1 denied') })
    const good = readFileSync(house.config, 'utf8')
    writeFileSync(house.config, good.replace('"deny": [', '"deny": [{ "tenant": "claims", "model": "gpt-4o" },'))
    const { status, stdout } = check()
    expect(status).toBe(2)
    expect(stdout).toContain('ERR_POLICY_CANARY')
    expect(stdout).toContain(
      'policy.canaries.deny[0] (tenant claims, model gpt-4o, openai.chat chat, streamed) is allowed at one/gpt-4o',
    )
  })
})
