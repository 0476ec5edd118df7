import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CustomhouseError } from '../../core/errors.ts'
import type { CallMessage, WorkerMessage } from './protocol.ts'

/** Beyond this the instance is dropped after its answer: wasm memory never shrinks. */
const MEMORY_HIGH_WATER = 1024 * 1024 * 1024

export type ThreadOptions = Readonly<{ folder: string; startMs: number; callMs: number; idleMs: number }>

interface Pending {
  readonly message: CallMessage
  readonly resolve: (answer: string) => void
  readonly reject: (error: Error) => void
}

/**
 * One worker thread and the line of calls waiting for it. The thread is started by the first call, ended by a call that
 * takes too long, and started anew by the next call after any end. A call is never repeated: what crashed the toolchain
 * once would do so again.
 */
export class ToolchainThread {
  readonly #options: ThreadOptions
  readonly #line: Pending[] = []
  #worker: Worker | undefined
  #ready = false
  #running: Pending | undefined
  #timer: NodeJS.Timeout | undefined
  #next = 1
  #closed = false

  constructor(options: ThreadOptions) {
    this.#options = options
  }

  call(request: string, now?: number): Promise<string> {
    if (this.#closed) return Promise.reject(fault('is closed'))
    return new Promise((resolve, reject) => {
      const id = this.#next++
      this.#line.push({ message: now === undefined ? { id, request } : { id, request, now }, resolve, reject })
      this.#advance()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const waiting = this.#line.splice(0)
    await this.#end(fault('was closed'))
    for (const pending of waiting) pending.reject(fault('was closed'))
  }

  #advance(): void {
    if (this.#running !== undefined) return
    const next = this.#line[0]
    if (next === undefined) {
      // Nothing to do: an idle toolchain must not keep the process alive, nor hold its memory for long.
      this.#worker?.unref()
      if (this.#worker !== undefined) this.#arm(this.#options.idleMs, 'was idle').unref()
      return
    }
    if (this.#worker === undefined) {
      this.#start()
      return
    }
    if (!this.#ready) return
    this.#line.shift()
    this.#running = next
    this.#worker.ref()
    this.#arm(this.#options.callMs, `took longer than ${this.#options.callMs} ms and was stopped`)
    this.#worker.postMessage(next.message)
  }

  #start(): void {
    let worker: Worker
    try {
      worker = this.#worker = this.#made()
    } catch (error) {
      // No thread is to be had: the first that waits is told; the next one is tried a turn later, so that nothing recurses over the line.
      setImmediate(() => void this.#end(fault('could not be started', error)))
      return
    }
    this.#ready = false
    this.#arm(this.#options.startMs, `did not start within ${this.#options.startMs} ms`)
    worker.on('message', (message: WorkerMessage) => {
      if (worker === this.#worker) this.#hear(message)
    })
    worker.on('error', (error) => {
      if (worker === this.#worker) void this.#end(fault(`failed: ${error.message}`, error))
    })
    worker.on('exit', (code) => {
      if (worker === this.#worker) void this.#end(fault(`ended by itself with code ${code}`))
    })
  }

  #made(): Worker {
    return new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: { folder: this.#options.folder },
      // The sandbox has no environment and no standard streams of ours; neither has the thread around it.
      env: {},
      stdin: false,
      stdout: true,
      stderr: true,
      execArgv: [],
    })
  }

  #hear(message: WorkerMessage): void {
    if (message.kind === 'broken') {
      const { message: why, refused } = message
      void this.#end(refused ? new CustomhouseError('ERR_POLICY_TOOLCHAIN', why) : fault(`failed: ${why}`))
      return
    }
    clearTimeout(this.#timer)
    if (message.kind === 'ready') {
      this.#ready = true
      this.#advance()
      return
    }
    const done = this.#running
    this.#running = undefined
    if (message.memoryBytes > MEMORY_HIGH_WATER) void this.#end(fault('used too much memory'))
    done?.resolve(message.answer)
    this.#advance()
  }

  #arm(ms: number, why: string): NodeJS.Timeout {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#end(fault(why)), ms)
    return this.#timer
  }

  /** Ends the thread. The call that it was at, or that it was started for, gets the error; the rest of the line goes on. */
  async #end(error: CustomhouseError): Promise<void> {
    clearTimeout(this.#timer)
    const worker = this.#worker
    const failed = this.#running ?? (this.#ready ? undefined : this.#line.shift())
    this.#worker = undefined
    this.#ready = false
    this.#running = undefined
    failed?.reject(error)
    await worker?.terminate()
    if (!this.#closed) this.#advance()
  }
}

function fault(what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_TOOLCHAIN',
    `The policy toolchain ${what}.`,
    cause === undefined ? {} : { cause },
  )
}
