import { parentPort, workerData } from 'node:worker_threads'
import { isCustomhouseError } from '../../core/errors.ts'
import { engineOf } from './index.ts'
import type { EngineCall, EngineData, EngineMessage } from './protocol.ts'

/** The thread that evaluates what must not hold up the others. An evaluation blocks it; the host ends it where that takes too long. */
const port = parentPort
if (port === null) throw new Error('the engine worker must be started as a worker')

const { loaded, fuel } = workerData as EngineData
const engine = engineOf(loaded, fuel)
const say = (message: EngineMessage): void => port.postMessage(message)

port.on('message', ({ entrypoint, json, now, seed, most }: EngineCall) => {
  try {
    say({ kind: 'answer', ...engine.run(entrypoint, json, { now, seed, most }) })
  } catch (error) {
    if (!isCustomhouseError(error)) throw error
    const used = error.detail.fuel
    say({
      kind: 'failed',
      code: error.code,
      message: error.message,
      fuel: typeof used === 'number' ? used : fuel,
    })
  }
})
say({ kind: 'ready' })
