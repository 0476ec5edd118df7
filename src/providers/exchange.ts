import type { Dispatcher } from 'undici'
import { CustomhouseError } from '../core/errors.ts'
import type { AnswerBody } from '../core/port.ts'
import { abortFault, fault, transportFault } from './faults.ts'
import { Parcel } from './parcel.ts'
import type { Connections, Timeouts } from './pool.ts'
import type { Waiting } from './slots.ts'

export type ExchangeOptions = Readonly<{
  provider: string
  pool: Connections
  origin: string
  timeouts: Pick<Timeouts, 'firstByteMs' | 'idleMs'>
  path: string
  fields: string[]
  body: Uint8Array
  signal: AbortSignal
}>

type Fields = Readonly<Record<string, string | string[] | undefined>>

/** An answer's head as it came: every field, lower-case names, not yet chosen from. */
export type Began = Readonly<{ status: number; fields: Fields; body: AnswerBody }>

/** Unread bytes beyond which the provider is paused until they have been read. */
const HIGH_WATER = 65_536
/** Bodies above it can be taken back from undici. Below, a stream would cost more than what all connections together could keep. */
const SMALL = 65_536
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Sends one call and resolves with the head of its answer. It is written at most once. */
export function exchange(options: ExchangeOptions): Promise<Began> {
  return new Exchange(options).begin()
}

/**
 * One call on the wire: undici's handler and the answer's body in one, without a Readable between. Bytes wait in `#chunks` until someone reads; above the high-water mark the socket is paused.
 */
class Exchange implements Dispatcher.DispatchHandler, AnswerBody, Waiting {
  readonly #options: Omit<ExchangeOptions, 'body'>
  /** Until it is undici's. */
  #body: Uint8Array | null
  #parcel: Parcel | null = null
  #head: PromiseWithResolvers<Began> | null = null
  #controller: Dispatcher.DispatchController | null = null
  /** From the grant until undici has called for the last time. */
  #slot = false
  #began = false
  #ended = false
  #error: CustomhouseError | null = null
  #chunks: Buffer[] = []
  #size = 0
  #reading: 'nobody' | 'whole' | 'iterator' = 'nobody'
  #limit = Number.POSITIVE_INFINITY
  #whole: PromiseWithResolvers<Uint8Array> | null = null
  #next: PromiseWithResolvers<IteratorResult<Uint8Array, undefined>> | null = null
  #timer: NodeJS.Timeout | undefined

  constructor({ body, ...options }: ExchangeOptions) {
    this.#options = options
    this.#body = body
  }

  begin(): Promise<Began> {
    const { pool, signal, timeouts } = this.#options
    if (signal.aborted) return Promise.reject(this.#aborted())
    const head = Promise.withResolvers<Began>()
    this.#head = head
    signal.addEventListener('abort', this)
    this.#timer = setTimeout(expire, timeouts.firstByteMs, this)
    pool.slots.enter(this)
    return head.promise
  }

  // The slots' side.

  granted(): void {
    const { pool, origin, path, fields } = this.#options
    const bytes = this.#body
    if (bytes !== null && bytes.length > SMALL) this.#parcel = new Parcel(bytes)
    const body = this.#parcel ?? bytes
    this.#body = null
    this.#slot = true
    pool.dispatcher.dispatch({ origin, path, method: 'POST', headers: fields, body }, this)
  }

  refused(): void {
    this.#fail(this.#fault('ERR_PROVIDER_UNREACHABLE', 'is not called any more', 'CLOSED'))
  }

  // The reader's side.

  whole(maxBytes: number): Promise<Uint8Array> {
    this.#take('whole')
    this.#limit = maxBytes
    if (this.#size > maxBytes) this.#drop(this.#tooLarge())
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) return Promise.resolve(this.#joined())
    this.#whole = Promise.withResolvers()
    this.#wait()
    this.#controller?.resume()
    return this.#whole.promise
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.#take('iterator')
    return { next: () => this.#step(), return: () => this.#leave() }
  }

  cancel(): void {
    this.#drop(this.#fault('ERR_PROVIDER_TRUNCATED', 'was cancelled by the gateway', 'CANCELLED'))
  }

  // The abort signal's side.

  handleEvent(): void {
    this.#drop(this.#aborted())
  }

  /** The timer has run out: for the head, or for the next piece of a body that someone waits for. */
  expired(): void {
    this.#timer = undefined
    if (!this.#began) this.#fail(this.#fault('ERR_PROVIDER_TIMEOUT', 'did not begin to answer in time', 'FIRST_BYTE'))
    else if (this.#whole !== null || this.#next !== null) {
      this.#fail(this.#fault('ERR_PROVIDER_TIMEOUT', 'fell silent in the middle of its answer', 'IDLE'))
    }
  }

  // undici's side.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown before a byte is written: either nobody waits any more, or undici would send the same call again.
    if (this.#error !== null || this.#controller !== null) throw new Error('not to be sent')
    this.#controller = controller
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, fields: Fields): void {
    if (status < 200) return
    this.#began = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#head?.resolve({ status, fields, body: this })
    this.#head = null
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#error !== null) return
    if (this.#next !== null) {
      this.#next.resolve({ done: false, value: chunk })
      this.#next = null
      return
    }
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size > this.#limit) this.#fail(this.#tooLarge())
    else if (this.#reading === 'whole') this.#timer?.refresh()
    else if (this.#size > HIGH_WATER) controller.pause()
  }

  onResponseEnd(): void {
    this.#free()
    if (this.#error !== null) return
    this.#ended = true
    this.#settle()
    this.#whole?.resolve(this.#joined())
    this.#next?.resolve(DONE)
    this.#whole = null
    this.#next = null
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    this.#free()
    if (this.#error === null) this.#fail(transportFault(this.#options.provider, error, this.#began))
  }

  #step(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#chunks.length > 0) {
      // All that waits, in one piece: a packet of twenty events costs its reader one turn.
      return Promise.resolve({ done: false, value: this.#joined() })
    }
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.#ended) return Promise.resolve(DONE)
    if (this.#next !== null) return Promise.reject(misuse('read by two readers at once'))
    const next = Promise.withResolvers<IteratorResult<Uint8Array, undefined>>()
    this.#next = next
    this.#wait()
    this.#controller?.resume()
    return next.promise
  }

  #leave(): Promise<IteratorReturnResult<undefined>> {
    this.cancel()
    return Promise.resolve(DONE)
  }

  #take(reader: 'whole' | 'iterator'): void {
    if (this.#reading !== 'nobody') throw misuse('read twice')
    this.#reading = reader
  }

  #wait(): void {
    if (this.#timer === undefined) this.#timer = setTimeout(expire, this.#options.timeouts.idleMs, this)
    else this.#timer.refresh()
  }

  #joined(): Uint8Array {
    const [only] = this.#chunks
    const bytes = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.#size)
    this.#chunks = []
    this.#size = 0
    return bytes
  }

  /** Gives up what is unread. After it no reader sees a clean end, unless all had been read. */
  #drop(error: CustomhouseError): void {
    if (this.#ended && this.#chunks.length > 0) this.#error ??= error
    this.#chunks = []
    this.#size = 0
    this.#fail(error)
  }

  /** Ends the exchange for good. Whoever waits is told; bytes that came before an error can still be read by iteration. */
  #fail(error: CustomhouseError): void {
    if (this.#ended || this.#error !== null) return
    this.#error = error
    this.#settle()
    this.#head?.reject(error)
    this.#whole?.reject(error)
    this.#next?.reject(error)
    this.#head = null
    this.#whole = null
    this.#next = null
    this.#options.pool.slots.leave(this)
    // An error keeps what was on the stack when it was made: this, and through it the bytes.
    this.#body = null
    // Destroys the socket. Without a controller the call still waits for one, and onRequestStart will refuse it: only then is its slot free.
    if (this.#controller !== null) this.#controller.abort(error)
    else this.#parcel?.destroy()
  }

  #free(): void {
    if (!this.#slot) return
    this.#slot = false
    this.#options.pool.slots.free()
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#options.signal.removeEventListener('abort', this)
  }

  #aborted(): CustomhouseError {
    return abortFault(this.#options.provider, this.#options.signal, this.#began)
  }

  #tooLarge(): CustomhouseError {
    return this.#fault('ERR_PROVIDER_MALFORMED', `answered with more than ${this.#limit} bytes`, 'TOO_LARGE')
  }

  #fault(
    code: 'ERR_PROVIDER_TRUNCATED' | 'ERR_PROVIDER_UNREACHABLE' | 'ERR_PROVIDER_TIMEOUT' | 'ERR_PROVIDER_MALFORMED',
    what: string,
    reason: string,
  ): CustomhouseError {
    return fault(code, this.#options.provider, what, reason)
  }
}

function expire(exchange: Exchange): void {
  exchange.expired()
}

function misuse(what: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `The body of an answer was ${what}.`)
}
