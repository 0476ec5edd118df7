import type { Socket } from 'node:net'

/** What the first bytes of a connection are. */
export type Speech = 'http/1.1' | 'h2' | 'tls'

type Waiting = { readonly socket: Socket; since: number; begun: boolean; decided: boolean }

/** So many bytes decide at most. */
const PREFACE = Buffer.from('PRI')

/**
 * The first bytes of a connection. HTTP/2 with prior knowledge begins with `PRI * HTTP/2.0` (RFC 9113 3.4): its third letter decides, since
 * no other method begins so (PROPFIND), and most calls are told from it by their first. A TLS record of a handshake begins with 22.
 */
export function speechOf(bytes: Uint8Array): Speech | null {
  if (bytes[0] === 0x16) return 'tls'
  for (const [at, letter] of PREFACE.entries()) {
    if (at >= bytes.length) return null
    if (bytes[at] !== letter) return 'http/1.1'
  }
  return 'h2'
}

export type ThresholdOptions = Readonly<{
  /** From the opening to the first byte, in milliseconds. */
  firstByteMs: number
  /** From the first byte to as many as decide. */
  decideMs: number
  /** Takes the socket over, with every byte that came. */
  admit: (socket: Socket, speech: Speech) => void
  /** For one that began and did not go on. */
  late: (socket: Socket) => void
}>

/**
 * Where connections wait until they have said what they speak. They are swept from a list: a timer of each costs more than the rest of
 * what is done here.
 */
export class Threshold {
  readonly #options: ThresholdOptions
  readonly #waiting: Waiting[] = []
  readonly #timer: NodeJS.Timeout

  constructor(options: ThresholdOptions) {
    this.#options = options
    const least = Math.min(options.firstByteMs, options.decideMs)
    this.#timer = setInterval(() => this.#sweep(), Math.max(20, Math.min(1_000, least / 4))).unref()
  }

  attend(socket: Socket): void {
    const waiting: Waiting = { socket, since: performance.now(), begun: false, decided: false }
    this.#waiting.push(waiting)
    let held: Buffer | null = null
    const read = (): void => {
      const bytes: Buffer | null = socket.read()
      if (bytes === null || waiting.decided) return
      if (!waiting.begun) waiting.since = performance.now()
      waiting.begun = true
      held = held === null ? bytes : Buffer.concat([held, bytes])
      const speech = speechOf(held)
      if (speech === null) return
      leave()
      socket.unshift(held)
      this.#options.admit(socket, speech)
    }
    const gone = (): void => {
      leave()
      socket.destroy()
    }
    const leave = (): void => {
      waiting.decided = true
      socket.off('readable', read)
      socket.off('end', gone)
      socket.off('error', gone)
    }
    socket.on('readable', read)
    socket.on('end', gone)
    socket.on('error', gone)
  }

  #sweep(): void {
    const now = performance.now()
    let kept = 0
    for (const waiting of this.#waiting) {
      const { socket, since, begun, decided } = waiting
      if (decided || socket.destroyed) continue
      if (!begun && now - since >= this.#options.firstByteMs) socket.destroy()
      else if (begun && now - since >= this.#options.decideMs) {
        waiting.decided = true
        this.#options.late(socket)
      } else this.#waiting[kept++] = waiting
    }
    this.#waiting.length = kept
  }

  /** Whoever has not said anything yet is let go; no more than that, since a call may be on its way. */
  stop(): void {
    for (const { socket, begun, decided } of this.#waiting) if (!decided && !begun) socket.destroy()
  }

  destroy(): void {
    clearInterval(this.#timer)
    for (const { socket, decided } of this.#waiting.splice(0)) if (!decided) socket.destroy()
  }
}
