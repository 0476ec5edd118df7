import { Readable } from 'node:stream'

/**
 * A body that can be taken back. undici keeps a call that was given up until its connection stands, and the body with it; a parcel that was
 * destroyed holds no bytes. They go out in one piece, their length known before the first: on the wire it is as if they were a Buffer.
 */
export class Parcel extends Readable {
  #bytes: Uint8Array | null

  constructor(bytes: Uint8Array) {
    super()
    this.#bytes = bytes
  }

  override _read(): void {
    this.push(this.#bytes)
    this.push(null)
    this.#bytes = null
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#bytes = null
    done(error)
  }
}
