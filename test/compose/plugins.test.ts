import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorFacts } from '../../src/compose/log.ts'
import { compose } from '../../src/compose.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { AuditRecord } from '../../src/core/record.ts'
import { type Ground, layGround, startHouse } from '../house.ts'
import { failure, openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'

/** The life of plugins inside a gateway, and what the process says about them. */

const probed = probePolicies(CASES)
/** The probe's cases without the obligations that only the probe carries out. */
const policies = {
  ...probed,
  'main.rego': (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]'),
}
let upstream: Recorder
beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
})
afterAll(() => upstream?.close())

const options = () => ({ providers: { one: { url: `${upstream.url}/v1` } }, policies })
const ask = (
  base: string,
  key: string,
  content = 'hello',
  more: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`${base}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] }),
  })

/** A plugin that writes down its life. */
function alive(name: string, journal: string[], more: Partial<Plugin> = {}): Plugin {
  return {
    name,
    start: async () => void journal.push(`${name} starts`),
    stop: async () => void journal.push(`${name} stops`),
    ...more,
  }
}
const rogue = async (): Promise<never> => {
  throw new Error('rogue')
}

async function start(ground: Ground, plugins: readonly Plugin[], log = pino({ level: 'silent' })) {
  return compose(await ground.read(), { plugins, log })
}

describe('start and stop', () => {
  test('in order, and back; one that cannot stop keeps nobody up', async () => {
    const ground = await layGround(options())
    const journal: string[] = []
    const house = await start(ground, [
      alive('a', journal),
      alive('b', journal, { stop: rogue }),
      alive('c', journal),
      { name: 'neither' },
    ])
    expect(journal).toEqual(['a starts', 'b starts', 'c starts'])
    await house.stop()
    expect(journal.slice(3)).toEqual(['c stops', 'a stops'])
    expect((await ground.records()).at(-1)?.kind).toBe('ledger.closed')
    ground.remove()
  })

  test('one that cannot start stops the start, and those before it', async () => {
    const ground = await layGround(options())
    const journal: string[] = []
    const plugins = [alive('a', journal), alive('b', journal, { start: rogue }), alive('c', journal)]
    await expect(start(ground, plugins)).rejects.toThrow('rogue')
    expect(journal).toEqual(['a starts', 'a stops'])
    expect((await ground.records()).at(-1)?.kind).toBe('ledger.closed')
    const house = await start(ground, [])
    await house.stop()
    ground.remove()
  })

  test('a start that fails later stops the plugins as well', async () => {
    const ground = await layGround({ ...options(), policies: { 'main.rego': 'package customhouse\n\nno' } })
    const journal: string[] = []
    await expect(start(ground, [alive('a', journal), alive('b', journal, { stop: rogue })])).rejects.toMatchObject({
      code: 'ERR_POLICY_COMPILE',
    })
    expect(journal).toEqual(['a starts', 'b starts', 'a stops'])
    expect((await ground.records()).at(-1)?.kind).toBe('ledger.closed')
    ground.remove()
  })
})

describe('record', () => {
  test('hears of every record in order, the first ones too, and only after its start', async () => {
    const ground = await layGround(options())
    const heard: AuditRecord[] = []
    let started = false
    let early = 0
    const listener: Plugin = {
      name: 'listener',
      start: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        started = true
      },
      record: (record) => {
        if (!started) early += 1
        heard.push(record)
      },
    }
    const house = await start(ground, [listener, { name: 'rogue', record: rogue }])
    expect((await ask(house.data, ground.key)).status).toBe(200)
    await house.stop()
    const records = await ground.records()
    expect(early).toBe(0)
    expect(heard).toEqual(records.slice(0, heard.length))
    expect(heard.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['ledger.opened', 'policy.activated', 'config.activated', 'call.intent', 'call.outcome']),
    )
    ground.remove()
  })
})

describe('logs hold no text of calls', () => {
  const CANARY = 'canary7f3a'
  const said = (): Error => {
    const error = Object.assign(new Error(`${CANARY}\n    at ${CANARY} (/tmp/${CANARY}.ts:1:1)`), { code: CANARY })
    error.name = CANARY
    return error
  }
  const throwing = (): never => {
    throw said()
  }

  test('whatever a plugin, a provider or a client does with it', async () => {
    let at: keyof Plugin | 'discharge' | null = null
    const plugin: Plugin = {
      name: 'probe',
      inspect: async () => (at === 'inspect' ? throwing() : []),
      facts: () => (at === 'facts' ? throwing() : {}),
      settle: async () => (at === 'settle' ? throwing() : undefined),
      record: async () => (at === 'record' ? throwing() : undefined),
      discharge: {
        'probe.redact': { stage: 'redact', request: throwing },
        'probe.mask': {
          stage: 'redact',
          response: () => ({ met: true, filter: { name: 'mask', hold: 4, edit: throwing } }),
        },
        'probe.quota': { stage: 'reserve', request: throwing },
      },
    }
    const house = await startHouse({ ...options(), policies: probed, plugins: [plugin] })
    const base = house.customhouse.data
    const headers = { 'x-customhouse-meta-note': CANARY, 'x-customhouse-task': CANARY, 'user-agent': CANARY }
    const kase = (name: string) => ({ ...headers, 'x-customhouse-meta-case': name })
    for (const place of ['inspect', 'facts', 'settle', 'record'] as const) {
      at = place
      await (await ask(base, house.key, CANARY, headers)).text()
    }
    at = null
    for (const name of ['redact', 'mask', 'quota']) await (await ask(base, house.key, CANARY, kase(name))).text()
    const answers = [
      whole(openaiAnswer({ texts: [CANARY] })),
      whole({ error: { message: CANARY, type: CANARY, code: CANARY } }, { status: 400 }),
      whole(`{"choices": "${CANARY}"`, {}),
      whole(CANARY, { fields: { 'content-type': CANARY, 'x-request-id': CANARY } }),
      failure(503, { 'x-request-id': CANARY }),
      stream([...openaiStream({ texts: [CANARY] }).slice(0, 2), `data: {"${CANARY}"\n\n`]),
      [{ write: `HTTP/1.1 ${CANARY}\r\n\r\n` }, 'fin' as const],
    ]
    for (const answer of answers) {
      upstream.script(() => answer)
      await (await ask(base, house.key, CANARY, headers)).text()
    }
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
    await ask(base, `chk_${CANARY}`, CANARY)
    for (const body of [
      `{"${CANARY}": "${CANARY}`,
      `{"model":"${CANARY}","messages":[{"role":"user","content":"x"}]}`,
      CANARY,
    ]) {
      for (const path of ['chat/completions', CANARY, `chat/completions?key=${CANARY}`]) {
        await fetch(`${base}/openai/v1/${path}`, {
          method: 'POST',
          headers: { ...headers, authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
          body,
        }).then((response) => response.text())
      }
    }
    await house.customhouse.stop()
    const text = JSON.stringify(house.logged)
    expect(house.logged.filter(({ level }) => Number(level) >= 50).length).toBeGreaterThan(6)
    expect(text).not.toContain(CANARY)
    expect(text).not.toContain(house.key)
    house.remove()
  })

  test('errors are reduced to what cannot hold any', () => {
    expect(JSON.stringify(errorFacts(said()))).not.toContain(CANARY)
    expect(JSON.stringify(errorFacts(new CustomhouseError('ERR_GATEWAY_INTERNAL', 'ours', { cause: said() })))).toMatch(
      /^\{"code":"ERR_GATEWAY_INTERNAL","message":"ours","cause":\{"name":"Error","at":\[.+/,
    )
    expect(errorFacts(CANARY)).toEqual({ name: 'string' })
    // What helps stays: where it was thrown, and a code of the system's.
    const system = errorFacts(Object.assign(new TypeError('x'), { code: 'ECONNRESET' }))
    expect(system).toMatchObject({ name: 'TypeError', code: 'ECONNRESET' })
    expect(JSON.stringify(system.at)).toMatch(/plugins\.test\.ts:\d+:\d+/)
  })
})
