import { parentPort, workerData } from 'node:worker_threads'
import { NO_CUSTOM, readCustom } from '../custom/index.ts'
import { loadTagger } from '../tagger/index.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './protocol.ts'
import { work } from './work.ts'

const setup: WorkerSetup = workerData
const custom = setup.custom === null ? NO_CUSTOM : readCustom(setup.custom)
const tagger = setup.tagger ? loadTagger() : null

function say(message: FromWorker): void {
  parentPort?.postMessage(message)
}

parentPort?.on('message', ({ id, job }: ToWorker) => {
  try {
    say({ kind: 'done', id, done: work(job, { custom, tagger, tenant: job.tenant }) })
  } catch (error) {
    // Its message may hold text of the call: only the kind of error leaves the thread.
    say({ kind: 'failed', id, name: error instanceof Error ? error.name : 'unknown' })
  }
})
say({ kind: 'ready' })
