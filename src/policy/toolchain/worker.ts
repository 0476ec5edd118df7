import { parentPort, workerData } from 'node:worker_threads'
import { isCustomhouseError } from '../../core/errors.ts'
import { readArtefact } from './artefact.ts'
import type { CallMessage, WorkerMessage } from './protocol.ts'
import { type Reactor, startReactor } from './wasi.ts'

/**
 * The thread that holds the toolchain. A call blocks it, which is why it is a thread of its own, and why the host can end
 * it. After any throw the instance is in an unknown state, so the thread says so and answers nothing more.
 */
const port = parentPort
if (port === null) throw new Error('the toolchain worker must be started as a worker')

const say = (message: WorkerMessage): void => port.postMessage(message)
const broken = (error: unknown): void =>
  say({
    kind: 'broken',
    message: error instanceof Error ? error.message : String(error),
    refused: isCustomhouseError(error),
  })

let reactor: Reactor | undefined
try {
  reactor = startReactor(new WebAssembly.Module(readArtefact((workerData as { folder: string }).folder)))
  say({ kind: 'ready' })
} catch (error) {
  broken(error)
}

port.on('message', ({ id, request, now }: CallMessage) => {
  if (reactor === undefined) return
  try {
    const answer = reactor.call(request, now)
    say({ kind: 'answer', id, answer, memoryBytes: reactor.memoryBytes() })
  } catch (error) {
    reactor = undefined
    broken(error)
  }
})
