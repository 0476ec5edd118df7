import { readFileSync, writeFileSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { startHouse } from '../house.ts'
import { openaiAnswer, startRecorder, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'

/** A policy that is replaced, in a gateway that runs. */

const probed = probePolicies(CASES)
/** Without the obligations that only the probe carries out. */
const policies = {
  ...probed,
  'main.rego': (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]'),
}

test('its worker ends with it, and not only when it has been idle for long', async () => {
  const upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  const house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    policies,
    config: { reload: { every: '1h' }, limits: { policy: { input: '1KiB', time: '20s' } } },
  })
  /** Of evaluations: the policy's compiler has one of its own, which comes with a reload. */
  const workers = new Set<Worker>()
  const seen = (worker: Worker): void => {
    workers.add(worker)
    worker.once('exit', () => workers.delete(worker))
  }
  const ask = async (): Promise<void> => {
    const answer = await fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-4o',
        // Names of tools are policy input: more of it than is evaluated between the calls of others.
        tools: Array.from({ length: 100 }, (_, i) => ({ type: 'function', function: { name: `tool-${i}-of-many` } })),
        messages: [{ role: 'user', content: 'hello' }],
      }),
    })
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('fine')])
  }
  try {
    // What was compiled for the start ends by itself.
    process.on('worker', seen)
    await ask()
    process.off('worker', seen)
    const [worker, ...others] = workers
    expect([worker?.threadId, others]).toEqual([expect.any(Number), []])
    const config = JSON.parse(readFileSync(house.config, 'utf8'))
    config.models.late = config.models['gpt-4o']
    writeFileSync(house.config, JSON.stringify(config))
    await ask()
    const last = performance.now()
    expect(await house.customhouse.reload()).toMatchObject({ activated: true })
    await expect.poll(() => workers.size, { timeout: 5_000, interval: 10 }).toBe(0)
    // An idle one would be ended after 10 s: on a machine that is slower than that the test has seen nothing.
    console.log(`ended ${Math.round(performance.now() - last)} ms after its last evaluation`)
  } finally {
    process.off('worker', seen)
    await house.stop()
    await upstream.close()
  }
}, 60_000)
