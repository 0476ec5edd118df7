import { describe, expect, test } from 'vitest'
import type { ModelCall } from '../../src/core/call.ts'
import type { RequestDecision } from '../../src/core/decision.ts'
import type { Generation } from '../../src/core/generation.ts'
import { type Evaluated, SILENT } from '../../src/core/telemetry.ts'
import { Denial } from '../../src/pipeline/base.ts'
import { judge } from '../../src/pipeline/judge.ts'
import { play, TARGET } from '../pipeline/scene.ts'

/** What the metrics hear of an evaluation: each once, and nothing of one that nobody waited for. */

const said: RequestDecision = {
  id: 'd',
  phase: 'request',
  revision: 'r',
  targets: new Map([[TARGET.id, { effect: 'allow', reasons: [], obligations: [] }]]),
  order: [],
  choose: null,
  fuel: 1,
}

/** A generation and a call as the pipeline has them. */
async function scene(): Promise<Readonly<{ generation: Generation; call: ModelCall }>> {
  const held = Promise.withResolvers<Readonly<{ generation: Generation; call: ModelCall }>>()
  let made: Generation | undefined
  await play({
    generation: (generation) => {
      made = generation
      return generation
    },
    plugins: [
      {
        name: 'watcher',
        facts: () => null,
        inspect: async () => [],
      },
    ],
    codec: {
      encode: (call) => {
        if (made !== undefined) held.resolve({ generation: made, call })
        throw new Error('far enough')
      },
    },
  })
  return held.promise
}

async function judged(
  request: (signals: readonly AbortSignal[]) => RequestDecision | Promise<RequestDecision>,
  ends: Readonly<{ gone?: AbortController; drained?: AbortController }> = {},
) {
  const { generation, call } = await scene()
  const { gone = new AbortController(), drained = new AbortController() } = ends
  const heard: Evaluated[] = []
  const silent = SILENT.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
  const decider = {
    ...generation.decider,
    request: (_: unknown, signals: readonly AbortSignal[] = []) => request(signals),
  }
  const reported: unknown[] = []
  const gateway = { report: (_: string, error: unknown) => void reported.push(error), drained: drained.signal }
  const watch = { ...silent, judged: (evaluated: Evaluated) => void heard.push(evaluated) }
  const outcome = await judge({ call, gateway, watch, client: { gone: gone.signal } }, [TARGET], [], {
    ...generation,
    decider,
  }).catch((error: unknown) => error)
  return { outcome, heard, reported }
}

describe('an evaluation of the policy', () => {
  test('is heard of even where the gateway cannot do what it chose', async () => {
    const { outcome, heard } = await judged(() => ({ ...said, choose: { by: 'cheapest', shares: {} } }))
    expect(outcome).toBeInstanceOf(Denial)
    expect(outcome).toMatchObject({ reasons: [{ rule: 'base/unknown-choice' }] })
    expect(heard).toEqual([expect.objectContaining({ phase: 'request', came: 'allow', apart: false })])
  })

  test.each([
    ['the client leaves', 'gone', { code: 'ERR_CALL_TIMEOUT', status: 499 }],
    ['the gateway stops', 'drained', { code: 'ERR_GATEWAY_DRAINING', status: 503 }],
  ] as const)('is none, and no failure of the policy, when %s first', async (_, end, expected) => {
    const ends = { gone: new AbortController(), drained: new AbortController() }
    const { outcome, heard, reported } = await judged((signals) => {
      const { promise, reject } = Promise.withResolvers<RequestDecision>()
      for (const signal of signals) signal.addEventListener('abort', () => reject(signal.reason))
      ends[end].abort()
      return promise
    }, ends)
    expect(outcome).toMatchObject(expected)
    expect(heard).toEqual([])
    expect(reported).toEqual([])
  })

  test('that failed by itself is a failure, whoever has left meanwhile', async () => {
    const gone = new AbortController()
    const { outcome, heard, reported } = await judged(
      () => {
        gone.abort()
        return Promise.reject(new Error('the worker died'))
      },
      { gone },
    )
    expect(outcome).toMatchObject({ reasons: [{ rule: 'policy/threw' }] })
    expect(heard).toEqual([expect.objectContaining({ came: 'error', apart: true })])
    expect(reported).toHaveLength(1)
  })
})
