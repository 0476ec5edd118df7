import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CallFacts, Outcome, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { addressOf, OPENAI } from '../wire/doors.ts'
import { openScene, textOf } from './scene.ts'

/** Whatever strangers, clients and policies make up, the number of series has a bound. */

const MOST = 6_000

const target = (model: string): Target => ({
  id: `openai/${model}`,
  provider: 'openai',
  model,
  kind: 'openai',
  dialects: ['openai.chat'],
  residency: { endpoint: ['US'], processing: ['US'], storage: ['US'] },
  contract: [],
  tenants: null,
})

const facts = (model: string, tenant: string): CallFacts => ({
  id: 'call',
  principal: { subject: 'somebody', tenant, groups: [], purpose: null, proof: 'key', keyId: 'key' },
  dialect: 'openai.chat',
  operation: 'chat',
  model,
  stream: true,
  task: null,
  classes: [],
  estimate: { inputTokens: 1, maxOutputTokens: null },
  tools: [],
  references: [],
  headers: {},
  metadata: {},
})

const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
const outcome = fc.record({
  ending: fc.constant('provider_error' as const),
  status: fc.integer({ min: 0, max: 99_999 }),
})

describe('10,000 calls of which every name is another', () => {
  test('give a bounded number of series, none of which holds a name', async () => {
    const open = await openTelemetry({
      version: '1.2.3',
      env: {},
      known: (tenant) => tenant === 'claims',
      acceptParent: () => false,
      warn: () => undefined,
    })
    const names = new Set<string>()
    fc.assert(
      fc.property(word, word, word, word, outcome, (model, tenant, method, rule, { ending, status }) => {
        const marked = (text: string): string => `mark${names.add(text).size}${text}`
        const watch = open.arrived({
          id: 'call',
          dialect: 'openai.chat',
          prefix: '/openai/v1',
          method: marked(method),
          traceparent: marked(method),
        })
        watch.read(facts(marked(model), marked(tenant)))
        watch.barred(target('gpt-4o'), [{ control: 'residency', rule: marked(rule), controls: [], message: '' }])
        watch.denied([`made up/${marked(rule)}`, `${marked(rule)} `])
        const attempt = watch.attempt(target('gpt-4o'), 1, 'https://eu.api.openai.com/v1')
        const told: Outcome = {
          ending,
          status: 200,
          finish: marked(model),
          usage: { inputTokens: status },
          bytes: 0,
          firstEventMs: 1,
          totalMs: 2,
        }
        if (status % 2 === 0) attempt.ended(told, status)
        else attempt.failed(new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'no'))
        watch.ended(200, marked(tenant))
      }),
      { numRuns: 10_000 },
    )
    const text = await textOf(open.exposition(() => null))
    expect(text).toContain(
      'gw_requests_total{tenant="",vendor="openai",operation="chat",decision="error",code="200"} 10000',
    )
    expect(text).not.toContain('mark')
    expect(text.split('\n').filter((line) => !line.startsWith('#')).length).toBeLessThan(MOST)
  })

  test('rules that a policy makes up are told apart up to a number, and counted all the same', async () => {
    const open = await openTelemetry({
      version: '1.2.3',
      env: {},
      known: () => true,
      acceptParent: () => false,
      warn: () => undefined,
    })
    const watch = open.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
    for (let rule = 0; rule < 10_000; rule++) watch.denied([`made-up/${rule}`])
    const counted = [
      ...(await textOf(open.exposition(() => null))).matchAll(/^gw_policy_denials_total\{rule="(.*)"\} (\d+)$/gm),
    ]
    expect(counted).toHaveLength(501)
    expect(counted.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(10_000)
    expect(counted.find(([, rule]) => rule === 'other')?.[2]).toBe('9500')
  })

  test.each([
    'Please pay 100 EUR to DE89370400440532013000',
    'models/Please pay 100 EUR to DE89370400440532013000',
    'Please pay/not-permitted',
    'DE89370400440532013000',
    'models/not-permitted/DE89370400440532013000',
    'models/not-permitted\nDE89370400440532013000',
    '\nmodels/not-permitted',
    `models/${'a'.repeat(65)}`,
    `${'a'.repeat(65)}/not-permitted`,
    'models/',
    '/not-permitted',
    'models/übel',
    '',
  ])('a rule "%s" is no id, and no label', async (rule) => {
    const open = await openTelemetry({
      version: '1.2.3',
      env: {},
      known: () => true,
      acceptParent: () => false,
      warn: () => undefined,
    })
    const watch = open.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
    watch.denied([rule, 'models/not-permitted'])
    const rows = (await textOf(open.exposition(() => null))).match(/^gw_policy_denials_total\{.*$/gm)
    expect(rows).toEqual([
      'gw_policy_denials_total{rule="models/not-permitted"} 1',
      'gw_policy_denials_total{rule="other"} 1',
    ])
  })

  test('over the wire: paths, methods, models, headers and queries', { timeout: 120_000 }, async () => {
    const scene = await openScene()
    try {
      await scene.call(OPENAI, 'speak')
      await scene.call(OPENAI, 'speak', { body: OPENAI.body().replace('chat-model', 'made-up') })
      await scene.call(OPENAI, 'speak', { address: '/openai/v1/made-up' })
      await fetch(scene.post.customhouse.data + addressOf(OPENAI), { method: 'PROPFIND' })
      const series = async (): Promise<number> => {
        await expect.poll(async () => (await scene.metrics()).sum('gw_requests_inflight')).toBe(0)
        const { text } = await scene.metrics()
        return text.split('\n').filter((line) => /^(gw|gen_ai)_/.test(line)).length
      }
      const before = await series()
      for (let turn = 0; turn < 100; turn++) {
        const name = `mark-${turn}`
        await scene.call(OPENAI, 'speak', { body: OPENAI.body().replace('chat-model', name) })
        await scene.call(OPENAI, 'speak', { address: `/openai/v1/${name}?${name}=${name}` })
        await scene.call(OPENAI, 'speak', { headers: { [name]: name, 'x-customhouse-task': name } })
        await fetch(scene.post.customhouse.data + addressOf(OPENAI), { method: `M${turn}` }).catch(() => undefined)
      }
      // A method that node:http does not know is no call at all.
      expect((await series()) - before).toBeLessThan(60)
      expect((await scene.metrics()).text).not.toMatch(/mark|made-up/)
    } finally {
      await scene.stop()
    }
  })
})
