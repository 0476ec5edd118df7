import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base'

export type OutboxOptions = Readonly<{
  /** Spans that may wait; further ones are dropped. */
  queue: number
  /** Spans in one export: their JSON is written between calls, so there are few. */
  batch: number
  delayMs: number
  /** After that an export has failed, whatever becomes of it. */
  exportMs: number
  /** An export took longer: what it holds must be let go. */
  late: () => void
  report: (result: 'exported' | 'dropped' | 'failed', spans: number) => void
}>

/**
 * Spans on their way to a collector: a bounded queue, one export at a time. What finds no room, or no collector, is counted and gone; the
 * SDK's own processor drops in silence, and at a stop waits as long as its exporter does.
 */
export class Outbox implements SpanProcessor {
  readonly #exporter: Pick<SpanExporter, 'export'>
  readonly #options: OutboxOptions
  #queue: ReadableSpan[] = []
  #exporting: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(exporter: Pick<SpanExporter, 'export'>, options: OutboxOptions) {
    this.#exporter = exporter
    this.#options = options
  }

  onStart(): void {
    // Only spans that have ended go out.
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & 1) === 0) return
    if (this.#closed || this.#queue.length >= this.#options.queue) {
      this.#options.report('dropped', 1)
      return
    }
    this.#queue.push(span)
    if (this.#queue.length >= this.#options.batch) this.#send()
    else this.#later()
  }

  async forceFlush(): Promise<void> {
    while (this.#queue.length > 0 || this.#exporting !== null) {
      this.#send()
      await this.#exporting
    }
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
  }

  /** Exports what it can within `ms`, drops the rest, and takes no more. */
  async close(ms: number): Promise<void> {
    this.#closed = true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([this.forceFlush(), late])
    clearTimeout(timer)
    this.#clear()
    const left = this.#queue.splice(0).length
    if (left > 0) this.#options.report('dropped', left)
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#send()
    }, this.#options.delayMs).unref()
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #send(): void {
    if (this.#exporting !== null || this.#queue.length === 0) return
    this.#clear()
    const batch = this.#queue.splice(0, this.#options.batch)
    this.#exporting = this.#export(batch).then((exported) => {
      this.#exporting = null
      this.#options.report(exported ? 'exported' : 'failed', batch.length)
      if (this.#queue.length >= this.#options.batch) this.#send()
      else if (this.#queue.length > 0) this.#later()
    })
  }

  /** Never rejects. */
  #export(batch: ReadableSpan[]): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(false)
        // Failed first: the exporter takes an answer of which the rest is missing for a good one.
        this.#options.late()
      }, this.#options.exportMs).unref()
      const done = (exported: boolean): void => {
        clearTimeout(timer)
        resolve(exported)
      }
      try {
        // ExportResultCode.SUCCESS is 0.
        this.#exporter.export(batch, ({ code }) => done(code === 0))
      } catch {
        // An exporter that throws has failed; why is its collector's to tell.
        done(false)
      }
    })
  }
}
