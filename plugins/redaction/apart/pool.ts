import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Done, FromWorker, Job, ToWorker, WorkerSetup } from './protocol.ts'

/** Jobs that wait for each worker at most: what comes then is refused at once, since it would only be refused later for being late. */
const WAITING = 32
const IDLE_MS = 60_000
const START_MS = 10_000
const MEMORY_MB = 512
/** UTF-16 units of a job. A thread that runs out of memory step by step ends alone; one large text that does not fit ends the whole process (tried). */
const LARGEST = 16 * 1024 * 1024

type Pending = Readonly<{
  job: Job
  signal: AbortSignal
  resolve: (done: Done) => void
  reject: (error: unknown) => void
  aborted: () => void
}>

type Thread = { worker: Worker; ready: boolean; running: Pending | null; id: number; timer: NodeJS.Timeout | null }

/**
 * Threads that read long texts, so that no other call waits for them. They are started by the first that needs one and ended when nobody has for a minute.
 * A thread that dies, or is at a job whose call does not wait any more, takes that one job with it and is replaced.
 */
export class ApartPool {
  readonly #setup: WorkerSetup
  readonly #most: number
  readonly #script: URL
  readonly #line: Pending[] = []
  readonly #threads = new Set<Thread>()
  #next = 1
  #closed = false

  constructor(setup: WorkerSetup, most: number) {
    this.#setup = setup
    this.#most = most
    this.#script = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
  }

  /** @throws ERR_CALL_TOO_LARGE; ERR_GATEWAY_OVERLOADED where too many wait; ERR_GATEWAY_INTERNAL where the thread failed; the signal's reason */
  run(job: Job, signal: AbortSignal): Promise<Done> {
    if (this.#closed) return Promise.reject(fault('is closed'))
    if (signal.aborted) return Promise.reject(signal.reason)
    if (job.texts.reduce((units, { text }) => units + text.length, 0) > LARGEST)
      return Promise.reject(
        new CustomhouseError('ERR_CALL_TOO_LARGE', `The call holds more text than can be inspected: ${LARGEST} units.`),
      )
    if (this.#line.length >= WAITING * this.#most)
      return Promise.reject(
        new CustomhouseError('ERR_GATEWAY_OVERLOADED', 'Too many long texts wait to be inspected. Try again later.'),
      )
    return new Promise((resolve, reject) => {
      const pending: Pending = { job, signal, resolve, reject, aborted: () => this.#giveUp(pending) }
      signal.addEventListener('abort', pending.aborted, { once: true })
      this.#line.push(pending)
      this.#advance()
    })
  }

  /** Starts a thread where there is none, so that the first long text need not wait for its modules and weights. Resolves when it is ready, or was lost: the next job tries again. */
  warm(): Promise<void> {
    if (this.#closed || this.#threads.size > 0 || !this.#start()) return Promise.resolve()
    const [thread] = this.#threads
    if (thread === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const { worker } = thread
      worker.once('message', () => resolve())
      worker.once('exit', () => resolve())
    })
  }

  /** How many threads there are; for tests and the bench. */
  get threads(): number {
    return this.#threads.size
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const pending of this.#line.splice(0)) this.#fail(pending, fault('was closed'))
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, fault('was closed'))))
  }

  #advance(): void {
    while (this.#line.length > 0) {
      const idle = [...this.#threads].find(({ ready, running }) => ready && running === null)
      if (idle === undefined) break
      const pending = this.#line.shift()
      if (pending === undefined) break
      if (idle.timer !== null) clearTimeout(idle.timer)
      idle.timer = null
      idle.running = pending
      idle.id = this.#next++
      idle.worker.ref()
      const message: ToWorker = { id: idle.id, job: pending.job }
      idle.worker.postMessage(message)
    }
    const starting = [...this.#threads].filter(({ ready }) => !ready).length
    for (let more = this.#line.length - starting; more > 0 && this.#threads.size < this.#most; more--) {
      if (!this.#start()) return
    }
  }

  #start(): boolean {
    let worker: Worker
    try {
      worker = new Worker(this.#script, {
        workerData: this.#setup,
        env: {},
        stdin: false,
        stdout: true,
        stderr: true,
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
      })
    } catch (error) {
      const first = this.#line.shift()
      if (first !== undefined) this.#fail(first, fault('could not be started', error))
      return false
    }
    const thread: Thread = { worker, ready: false, running: null, id: 0, timer: null }
    thread.timer = setTimeout(() => this.#lose(thread, fault(`did not start within ${START_MS} ms`)), START_MS)
    this.#threads.add(thread)
    worker.on('message', (message: FromWorker) => {
      if (this.#threads.has(thread)) this.#hear(thread, message)
    })
    worker.on('error', (error) => this.#lose(thread, fault('failed', error)))
    worker.on('exit', (code) => this.#lose(thread, fault(`ended by itself with code ${code}`)))
    return true
  }

  #hear(thread: Thread, message: FromWorker): void {
    if (message.kind === 'ready') {
      if (thread.timer !== null) clearTimeout(thread.timer)
      thread.ready = true
    } else {
      if (message.id !== thread.id || thread.running === null) return
      const { running } = thread
      thread.running = null
      if (message.kind === 'done') {
        running.signal.removeEventListener('abort', running.aborted)
        running.resolve(message.done)
      } else this.#fail(running, fault(`could not read a text (${message.name})`))
    }
    this.#advance()
    if (thread.running === null) {
      thread.worker.unref()
      thread.timer = setTimeout(() => this.#lose(thread, fault('was idle')), IDLE_MS).unref()
    }
  }

  /** Nobody waits for it any more: it may hang, and the thread with it. */
  #giveUp(pending: Pending): void {
    const at = this.#line.indexOf(pending)
    if (at >= 0) {
      this.#line.splice(at, 1)
      pending.reject(pending.signal.reason)
      return
    }
    for (const thread of this.#threads) {
      if (thread.running === pending) this.#lose(thread, pending.signal.reason)
    }
  }

  #lose(thread: Thread, error: unknown): void {
    if (!this.#threads.has(thread)) return
    // What has not begun was waited for by the first of the line: a thread that cannot start must not be started for ever.
    const first = thread.ready ? undefined : this.#line.shift()
    if (first !== undefined) this.#fail(first, error)
    void this.#end(thread, error)
    this.#advance()
  }

  async #end(thread: Thread, error: unknown): Promise<void> {
    this.#threads.delete(thread)
    if (thread.timer !== null) clearTimeout(thread.timer)
    const { running } = thread
    thread.running = null
    if (running !== null) this.#fail(running, error)
    await thread.worker.terminate()
  }

  #fail(pending: Pending, error: unknown): void {
    pending.signal.removeEventListener('abort', pending.aborted)
    pending.reject(error)
  }
}

function fault(what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    `The thread that inspects long texts ${what}.`,
    cause === undefined ? {} : { cause },
  )
}
