import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Codec } from '../../src/core/port.ts'
import { SILENT } from '../../src/core/telemetry.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { BodyBudget } from '../../src/http/budget.ts'
import { type DataPlane, dataPlane } from '../../src/http/data.ts'
import { edge } from '../../src/http/edge.ts'
import { Flight } from '../../src/http/flight.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import type { Gateway } from '../../src/pipeline/gateway.ts'
import { callBytes, raw, statuses } from './raw.ts'

/** Faults of our own below the pipeline: a call that cannot be read, or not even refused, ends alone. */

const LIMITS = { connectionMs: 2_000, headerBytes: 8_192, headersMs: 2_000, requestMs: 2_000, keepAliveMs: 500 }
const rogue = (): never => {
  throw new Error('CANARY in a message')
}
let listener: Listener | undefined
afterEach(async () => {
  const stopped = listener?.stop()
  listener?.destroy()
  await stopped
})

async function start(codec: Partial<Codec>) {
  const reported: string[] = []
  const counted: string[] = []
  const gateway: Gateway = {
    generation: rogue,
    ledger: { append: rogue, failed: new Promise(() => undefined), health: () => 'ok', close: async () => undefined },
    authenticator: {
      authenticate: ({ proof }) => {
        if (proof.authorization === undefined) throw new CustomhouseError('ERR_IDENTITY_MISSING', 'no key')
        return {
          principal: { subject: 's', tenant: 'claims', groups: [], purpose: null, proof: 'key', keyId: 'k' },
          confirm: null,
        }
      },
      stands: () => true,
      revoked: () => false,
    },
    fresh: () => true,
    drained: new AbortController().signal,
    refused: (code, tenant) => void counted.push(`${code} ${tenant}`),
    report: (what) => void reported.push(what),
  }
  const plane: DataPlane = {
    gateway,
    telemetry: SILENT,
    mounts: [{ prefix: '/openai/v1', codecs: [{ ...openaiChat, ...codec }] }],
    budget: new BodyBudget(1_000_000),
    answers: new BodyBudget(1_000_000),
    limits: () => ({ bodyBytes: 10_000, stallMs: 1_000 }),
    credentialHeaders: new Set(['authorization']),
    edge: edge(['/openai/v1']),
    draining: () => false,
    flight: new Flight(),
  }
  listener = await listen({ host: '127.0.0.1', port: 0 }, dataPlane(plane), LIMITS, { streams: 8 })
  return { url: listener.url, plane, reported, counted }
}

const CALL = callBytes({ authorization: 'Bearer k' }, '{"model":"gpt-4o","messages":[]}')

test('a codec that throws something of its own: 500 in the dialect, its message nowhere', async () => {
  const { url, plane, reported, counted } = await start({ read: rogue })
  const client = await raw(url)
  client.send(CALL)
  const text = await client.until('internal')
  expect(statuses(text)).toEqual([500])
  expect(text).not.toContain('CANARY')
  expect([reported, counted]).toEqual([['the call failed at the socket'], ['ERR_GATEWAY_INTERNAL claims']])
  expect([plane.budget.taken, plane.flight.size]).toEqual([0, 0])
})

test('a codec that cannot even refuse: the connection breaks, the process does not', async () => {
  const faults: unknown[] = []
  const keep = (error: unknown): void => void faults.push(error)
  process.on('unhandledRejection', keep)
  try {
    const { url, plane, reported } = await start({ read: rogue, refuse: rogue })
    const client = await raw(url)
    client.send(CALL)
    expect(await client.closed()).toBe('')
    await sleep(20)
    expect(faults).toEqual([])
    expect(reported).toContain('a call could not even be refused')
    expect([plane.budget.taken, plane.flight.size]).toEqual([0, 0])
  } finally {
    process.off('unhandledRejection', keep)
  }
})

test('refusals are counted by code and tenant; what was known of the caller is', async () => {
  const { url, counted } = await start({})
  for (const bytes of [
    callBytes({}, '{}'),
    callBytes({ authorization: 'Bearer k' }, '{"model"'),
    CALL.replace('/chat', '/x'),
  ]) {
    const client = await raw(url)
    client.send(bytes)
    await client.until(/HTTP\/1\.1 4/)
    client.socket.destroy()
  }
  expect(counted).toEqual(['ERR_IDENTITY_MISSING null', 'ERR_CALL_MALFORMED claims', 'ERR_CALL_UNKNOWN_ROUTE claims'])
})
