import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Answer, Done, Job, WriterStart } from './writer.ts'

/** The writer's worker, seen from the main thread. Jobs are done in order; each promise settles when its job is durable. */
export class Disk {
  readonly #worker: Worker
  readonly #waiting: { resolve: (done: Done) => void; reject: (error: Error) => void }[] = []
  #error: Error | null = null
  #ended = false

  private constructor(start: WriterStart) {
    // The published package is JavaScript; a checkout runs the TypeScript itself.
    this.#worker = new Worker(new URL(`./writer${extname(import.meta.url)}`, import.meta.url), {
      workerData: start,
      name: 'customhouse-ledger',
    })
    this.#worker.on('message', (answer: Answer) => this.#answered(answer))
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', (code) => this.#fail(new Error(`The ledger's writer stopped with ${code}.`)))
  }

  static async open(start: WriterStart): Promise<Disk> {
    const disk = new Disk(start)
    try {
      await disk.#promise()
    } catch (error) {
      await disk.end()
      throw error
    }
    return disk
  }

  /** Rejects with the writer's first error, for this and every later job. */
  do(job: Job): Promise<Done> {
    if (this.#error !== null) return Promise.reject(this.#error)
    const promise = this.#promise()
    this.#worker.postMessage(job)
    return promise
  }

  /** Ends the worker; jobs that wait are rejected. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#worker.terminate()
  }

  #promise(): Promise<Done> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #answered(answer: Answer): void {
    if ('failed' in answer) this.#fail(Object.assign(new Error(answer.failed), { code: answer.code }))
    else this.#waiting.shift()?.resolve(answer)
  }

  #fail(error: Error): void {
    this.#error ??= this.#ended ? new Error("The ledger's writer was ended.") : error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#error)
    this.onFailure?.(this.#error)
  }

  /** Hears of the first failure, also of one that no job waits for. */
  onFailure: ((error: Error) => void) | null = null
}
