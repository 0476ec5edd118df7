import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import { Turns } from '../turns.ts'
import { burnt } from './abi.ts'
import type { Answer, PolicyEngine } from './index.ts'
import type { EngineCall, EngineData, EngineMessage } from './protocol.ts'

export type EngineThreadOptions = Readonly<{
  /** One evaluation may take so long, milliseconds. */
  timeMs: number
  /** With nothing to do for so long the worker is ended. */
  idleMs?: number
  /** Starts a worker. It throws where the system gives no thread (EAGAIN: a limit of processes). */
  start?: (data: EngineData) => Worker
}>

/** The worker must have made its instance by then, milliseconds. */
const START_MS = 10_000
const IDLE_MS = 10_000

type Pending = Readonly<{
  call: EngineCall
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}>

export const startWorker = (data: EngineData): Worker =>
  new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: data,
    env: {},
    stdin: false,
    stdout: true,
    stderr: true,
    execArgv: [],
  })

/**
 * A worker with an instance of its own of an engine's policy, and the tenants that wait for it in turn. It is started by the first
 * evaluation, ended with one that takes too long, and started anew by the next after any end. An evaluation is never repeated: what
 * killed one worker would kill the next, and where none can be started each that waits fails, one for each attempt.
 */
export class EngineThread {
  readonly #engine: PolicyEngine
  readonly #options: EngineThreadOptions
  readonly #turns = new Turns<Pending>()
  #worker: Worker | undefined
  #ready = false
  #running: Pending | undefined
  #timer: NodeJS.Timeout | undefined
  /** Set after a worker could not be started, until the next turn of the loop. */
  #later: NodeJS.Immediate | undefined
  #retired = false

  constructor(engine: PolicyEngine, options: EngineThreadOptions) {
    this.#engine = engine
    this.#options = options
  }

  /** Whether an evaluation for the tenant would be taken up: a worker is there, and there is room in the tenant's line. */
  open(tenant: string): boolean {
    return this.#ready && !this.#turns.full(tenant)
  }

  /**
   * Evaluates in the tenant's turn. `json` is the input. Errors: those of {@link PolicyEngine.run}, ERR_POLICY_LATE, ERR_POLICY_THREW where the
   * worker died or none could be started; ERR_GATEWAY_OVERLOADED where the tenant has too many waiting.
   *
   * @param until with the first of them that is aborted nobody waits any more: the evaluation gives up its place, and rejects with that signal's reason.
   *   One under way is finished, for nobody
   */
  run(tenant: string, call: EngineCall, until: readonly AbortSignal[] = []): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const over = until.find(({ aborted }) => aborted)
    if (over !== undefined) {
      reject(over.reason)
      return promise
    }
    const withdraw = (event: Event): void => {
      this.#turns.remove(tenant, pending)
      pending.reject(event.target instanceof AbortSignal ? event.target.reason : undefined)
    }
    const settled = (): void => {
      for (const signal of until) signal.removeEventListener('abort', withdraw)
    }
    const pending: Pending = {
      call,
      resolve: (answer) => {
        settled()
        resolve(answer)
      },
      reject: (error) => {
        settled()
        reject(error)
      },
    }
    try {
      this.#turns.add(tenant, pending)
      for (const signal of until) signal.addEventListener('abort', withdraw)
    } finally {
      this.#advance()
    }
    return promise
  }

  /** The policy is not active any more: calls under way are still answered, but nothing is kept for others. */
  retire(): void {
    this.#retired = true
    this.#advance()
  }

  #advance(): void {
    if (this.#running !== undefined || this.#later !== undefined) return
    if (this.#turns.empty) {
      this.#rest()
      return
    }
    if (this.#worker === undefined) {
      this.#start()
      return
    }
    if (!this.#ready) return
    const next = this.#turns.take()
    if (next === undefined) return
    this.#running = next
    this.#worker.ref()
    this.#arm(this.#options.timeMs, () => this.#end(this.#late()))
    this.#worker.postMessage(next.call)
  }

  /** Nothing to do: an idle worker must not keep the process alive, nor hold its memory for long. */
  #rest(): void {
    clearTimeout(this.#timer)
    if (this.#worker === undefined || !this.#ready) return
    this.#worker.unref()
    if (this.#retired) this.#end(died('was not needed'))
    else this.#arm(this.#options.idleMs ?? IDLE_MS, () => this.#end(died('was idle'))).unref()
  }

  #start(): void {
    const { loaded, fuel } = this.#engine
    let worker: Worker
    try {
      worker = (this.#options.start ?? startWorker)({ loaded, fuel })
    } catch (error) {
      this.#unstarted(died('could not be started', error))
      return
    }
    this.#worker = worker
    this.#ready = false
    this.#arm(START_MS, () => this.#end(died('did not start')))
    worker.on('message', (message: EngineMessage) => {
      if (worker === this.#worker) this.#hear(message)
    })
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#end(died('failed', error))
    })
    worker.on('exit', () => {
      if (worker === this.#worker) this.#end(died('ended by itself'))
    })
  }

  /** The one that it was to be started for fails; the next attempt comes after whatever else the loop has to do. */
  #unstarted(error: CustomhouseError): void {
    this.#later = setImmediate(() => {
      this.#later = undefined
      this.#advance()
    })
    this.#turns.take()?.reject(burnt(error, 0))
  }

  #hear(message: EngineMessage): void {
    clearTimeout(this.#timer)
    const done = this.#running
    this.#running = undefined
    if (message.kind === 'ready') this.#ready = true
    else if (message.kind === 'answer') done?.resolve({ text: message.text, fuel: message.fuel })
    else done?.reject(new CustomhouseError(message.code, message.message, { detail: { fuel: message.fuel } }))
    this.#advance()
  }

  #arm(ms: number, over: () => void): NodeJS.Timeout {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(over, ms)
    return this.#timer
  }

  /** Ends the worker. The evaluation that it was at, or that it was started for, gets the error; those that wait go on with another. */
  #end(error: CustomhouseError): void {
    clearTimeout(this.#timer)
    const worker = this.#worker
    const failed = this.#running ?? (this.#ready ? undefined : this.#turns.take())
    this.#worker = undefined
    this.#ready = false
    this.#running = undefined
    // Nobody knows how far it came: all of its fuel, at most.
    failed?.reject(burnt(error, this.#engine.fuel))
    void worker?.terminate()
    this.#advance()
  }

  #late(): CustomhouseError {
    return new CustomhouseError(
      'ERR_POLICY_LATE',
      `The policy took longer than ${this.#options.timeMs} ms (limits.policy.time), and was ended.`,
    )
  }
}

function died(what: string, cause?: unknown): CustomhouseError {
  const facts = { cause, detail: { worker: what } }
  return new CustomhouseError('ERR_POLICY_THREW', `The worker that evaluates policies ${what}.`, facts)
}

/** Whether an evaluation came to its end for want of time or of a worker: that says nothing of what the policy would have said. */
export function isUnfinished(error: unknown): boolean {
  if (isCustomhouseError(error, 'ERR_POLICY_LATE')) return true
  return isCustomhouseError(error, 'ERR_POLICY_THREW') && error.detail.worker !== undefined
}
