import { setTimeout } from 'node:timers/promises'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { AuditDraft, Ledger, Receipt, RecordKind } from '../core/record.ts'
import { type Bounds, COMMIT_MAX_BYTES, COMMIT_MAX_RECORDS, GATEWAY_TENANT } from './bounds.ts'
import type { Chronicle } from './chronicle.ts'
import type { Disk } from './disk.ts'
import type { NumberedEntry, Registrar } from './entry.ts'
import { checkpointText, type Signer } from './note.ts'
import { isWantOfRoom } from './reserve.ts'
import { begins, type Room, wantFor } from './room.ts'
import { commitLine, headerLine, SEGMENT_VERSION, segmentName, trailerLine } from './segment.ts'
import { snapshotNote } from './snapshot.ts'
import type { LedgerStats } from './stats.ts'
import type { Hash } from './tree.ts'

/** How often the writer looks whether its file is still there, when nothing is written. */
const CHECK_EVERY_MS = 1_000
/** How long a close waits for a worker that a system call holds. */
const HUNG_MS = 1_000

export type { Committed } from './bounds.ts'

type Pending = Readonly<{
  entry: NumberedEntry
  at: number
  resolve: (receipt: Receipt) => void
  reject: (error: Error) => void
}>
type Head = Readonly<{ size: number; root: Hash }>

/** The log as its writer holds it: numbers what comes, commits it in groups, and latches at the first error. */
export class SegmentLedger implements Ledger {
  readonly failed: Promise<Error>
  #reportFailure: (error: Error) => void = () => undefined
  readonly #registrar: Registrar
  /** What was handed to the disk; the registrar is ahead of it by the queue. */
  readonly #chronicle: Chronicle
  readonly #disk: Disk
  readonly #signer: Signer
  readonly #bounds: Bounds
  readonly #release: () => void
  readonly #timers: NodeJS.Timeout[]
  #queue: Pending[] = []
  #flying: readonly Pending[] = []
  #scheduled = false
  #segmentBytes: number
  #durable: Head
  #signed = -1
  #checkpointAt: number | null = null
  #checkpointSize = 0
  #sealing = false
  #room: Room = { free: Number.POSITIVE_INFINITY, keysFree: Number.POSITIVE_INFINITY }
  #failure: CustomhouseError | null = null
  #closing: Promise<void> | null = null

  constructor(parts: {
    readonly registrar: Registrar
    readonly chronicle: Chronicle
    readonly disk: Disk
    readonly signer: Signer
    readonly bounds: Bounds
    readonly segmentBytes: number
    readonly release: () => void
  }) {
    this.#registrar = parts.registrar
    this.#chronicle = parts.chronicle
    this.#disk = parts.disk
    this.#signer = parts.signer
    this.#bounds = parts.bounds
    this.#segmentBytes = parts.segmentBytes
    this.#release = parts.release
    this.#durable = { size: this.#chronicle.tree.size, root: this.#chronicle.tree.root() }
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.failed = promise
    this.#reportFailure = resolve
    this.#disk.onFailure = (error) => this.#latch(error)
    const every = (ms: number, work: () => void): NodeJS.Timeout => setInterval(work, ms).unref()
    this.#timers = [
      every(this.#bounds.checkpointEveryMs, () => this.#background(this.checkpoint())),
      every(CHECK_EVERY_MS, () => this.#background(this.#check())),
      every(Math.min(CHECK_EVERY_MS, this.#bounds.deadlineMs / 4), () => this.#watch()),
    ]
  }

  append(draft: AuditDraft): Promise<Receipt> {
    if (this.#closing !== null)
      return Promise.reject(
        new CustomhouseError('ERR_LEDGER_UNAVAILABLE', 'The ledger is closing and takes no more records.'),
      )
    if (draft.kind.startsWith('ledger.')) {
      return Promise.reject(
        new CustomhouseError('ERR_GATEWAY_INTERNAL', `The record is refused: the ledger itself writes ${draft.kind}.`),
      )
    }
    const want = this.#wantFor(draft.kind)
    return want === null ? this.enter(draft) : Promise.reject(want)
  }

  /** Appends without asking whether the ledger is closing. For `append`, opening and closing only. */
  enter(draft: AuditDraft): Promise<Receipt> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    let entry: NumberedEntry
    try {
      entry = this.#registrar.number(draft)
    } catch (error) {
      // A record that cannot be sealed must not be lost in silence: without keys nothing personal can be recorded any more.
      if (!isCustomhouseError(error, 'ERR_KEYS_STORE')) return Promise.reject(error)
      if (!isWantOfRoom(error.cause) || !begins(draft.kind)) return Promise.reject(this.#latch(error))
      // Nothing began, so nothing is lost: refused until a look finds room.
      this.#room = { free: this.#room.free, keysFree: 0 }
      return Promise.reject(this.#wantFor(draft.kind))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
    this.#queue.push({ entry, at: performance.now(), resolve, reject })
    this.#schedule()
    return promise
  }

  health(): 'ok' | Error {
    return this.#failure ?? this.#wantFor('call.intent') ?? 'ok'
  }

  stats(): LedgerStats {
    return {
      queue: this.#queue.length + this.#flying.length,
      open: this.#registrar.openIntents,
      size: this.#durable.size,
      free: Number.isFinite(this.#room.free) ? this.#room.free : null,
      checkpointAt: this.#checkpointAt,
      checkpointSize: this.#checkpointSize,
      epoch: this.#chronicle.epoch,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  /** Signs the newest durable head, unless it is signed already. */
  async checkpoint(): Promise<void> {
    const { size, root } = this.#durable
    // A seal on its way signs a newer head; the older one must not be written over it.
    if (size === this.#signed || this.#sealing || this.#failure !== null) return
    this.#signed = size
    this.#room = await this.#disk.do({ type: 'checkpoint', note: this.#note({ size, root }) })
    this.#checkpointed(size)
  }

  #checkpointed(size: number): void {
    this.#checkpointAt = Date.now()
    this.#checkpointSize = size
  }

  async #check(): Promise<void> {
    this.#room = await this.#disk.do({ type: 'check' })
  }

  #wantFor(kind: RecordKind): CustomhouseError | null {
    return wantFor(kind, this.#room, this.#bounds.minFreeBytes, this.#registrar.openIntents)
  }

  /** All of one turn of the event loop shares a commit; while one is on its way, the next gathers behind it. */
  #schedule(): void {
    if (this.#scheduled || this.#flying.length > 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#commit()
    })
  }

  #commit(): void {
    if (this.#failure !== null || this.#flying.length > 0 || this.#queue.length === 0) return
    const batch = this.#take()
    this.#flying = batch
    const from = this.#chronicle.tree.size
    let text = ''
    let bytes = 0
    for (const { entry } of batch) {
      this.#chronicle.append(entry.record, entry.hash)
      text += entry.line
      bytes += entry.bytes
    }
    const head: Head = { size: this.#chronicle.tree.size, root: this.#chronicle.tree.root() }
    let tail = commitLine({ from, ...head })
    const sealing = this.#segmentBytes + bytes + tail.length >= this.#bounds.maxSegmentBytes
    this.#sealing = sealing
    const note = sealing ? this.#note(head) : ''
    if (sealing) tail += trailerLine({ note, ...head })
    const size = bytes + Buffer.byteLength(tail)
    this.#segmentBytes += size
    this.#disk
      .do({ type: 'commit', text: text + tail, bytes: size, seal: sealing ? this.#nextSegment(head, note) : null })
      .then(
        (done) => {
          this.#room = done
          this.#sealing = false
          if (sealing) {
            this.#signed = head.size
            this.#checkpointed(head.size)
          }
          this.#committed(batch, head, size, done.ms)
        },
        (error: Error) => this.#latch(error),
      )
  }

  #take(): readonly Pending[] {
    let count = 0
    for (let bytes = 0; count < this.#queue.length && count < COMMIT_MAX_RECORDS; count++) {
      bytes += this.#queue[count]?.entry.bytes ?? 0
      if (bytes > COMMIT_MAX_BYTES) break
    }
    if (count < this.#queue.length) return this.#queue.splice(0, count)
    const all = this.#queue
    this.#queue = []
    return all
  }

  #nextSegment(
    head: Head,
    note: string,
  ): { next: { name: string; header: string }; snapshot: string; checkpoint: string } {
    const header = headerLine({
      epoch: this.#chronicle.epoch,
      first: head.size,
      log: this.#chronicle.log,
      root: head.root,
      v: SEGMENT_VERSION,
    })
    this.#segmentBytes = Buffer.byteLength(header)
    return {
      next: { name: segmentName(head.size), header },
      snapshot: snapshotNote(this.#chronicle.state(), this.#signer),
      checkpoint: note,
    }
  }

  #committed(batch: readonly Pending[], head: Head, bytes: number, ms: number): void {
    // Latched meanwhile: these appends were already told so.
    if (this.#failure !== null) return
    this.#durable = head
    this.#flying = []
    this.#commit()
    for (const { entry, resolve } of batch) resolve(entry.receipt)
    this.#bounds.onCommit?.({ records: batch.map(({ entry }) => entry.record), ...head, bytes, ms })
  }

  /** An append that is not durable in time is an error like any other. A turn is left for an answer that waits behind a busy thread. */
  #watch(): void {
    if (!this.#overdue()) return
    setImmediate(() => {
      if (this.#overdue()) this.#latch(new Error(`A record was not durable within ${this.#bounds.deadlineMs} ms.`))
    })
  }

  #overdue(): boolean {
    const oldest = this.#flying[0] ?? this.#queue[0]
    return oldest !== undefined && performance.now() - oldest.at > this.#bounds.deadlineMs
  }

  #latch(cause: Error): CustomhouseError {
    if (this.#failure !== null) return this.#failure
    const failure = new CustomhouseError(
      'ERR_LEDGER_UNAVAILABLE',
      `The ledger cannot be written to any more: ${cause.message}`,
      { cause },
    )
    this.#failure = failure
    this.#stopTimers()
    for (const { reject } of [...this.#flying, ...this.#queue]) reject(failure)
    this.#queue = []
    this.#reportFailure(failure)
    this.#background(this.#disk.end())
    return failure
  }

  /** For work that nobody waits for: its failure is the ledger's. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#latch(error instanceof Error ? error : new Error(String(error))))
  }

  async #shut(): Promise<void> {
    try {
      if (this.#failure !== null) return
      await this.enter({ kind: 'ledger.closed', tenant: GATEWAY_TENANT, call: null, body: {} })
      this.#stopTimers()
      await this.checkpoint()
      await this.#disk.do({ type: 'close' })
    } finally {
      this.#stopTimers()
      this.#disk.onFailure = null
      // The lock outlives the worker: a write that hangs in the kernel may still land. Who latched must exit, and need not wait for it.
      const ended = this.#disk.end().then(this.#release)
      await (this.#failure === null ? ended : Promise.race([ended, setTimeout(HUNG_MS, undefined, { ref: false })]))
    }
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #note(head: Head): string {
    return this.#signer.sign(checkpointText({ origin: this.#chronicle.log, ...head }))
  }
}
