import type { Discharged } from '../core/plugin.ts'
import { inTime } from './deadline.ts'
import type { Gateway } from './gateway.ts'

/** What the discharges of one attempt reserved. Given back at most once, and only while nothing was sent for it. */
export class Reservations {
  readonly #undo: (() => Promise<void> | void)[] = []
  readonly #gateway: Pick<Gateway, 'report'>
  readonly #call: string
  readonly #ms: number

  constructor(gateway: Pick<Gateway, 'report'>, call: string, ms: number) {
    this.#gateway = gateway
    this.#call = call
    this.#ms = ms
  }

  add(done: Discharged): void {
    if (done.met && done.release !== undefined) this.#undo.push(done.release)
  }

  /** Never rejects: one that cannot be given back is reported, and keeps nothing from the others, or from the client. */
  async release(): Promise<void> {
    for (const undo of this.#undo.splice(0)) {
      try {
        await inTime(undo, this.#ms)
      } catch (error) {
        this.#gateway.report('a reservation could not be given back', error, this.#call)
      }
    }
  }

  /** A discharge that came when nobody waited for it any more. */
  async giveBack(late: Discharged): Promise<void> {
    const own = new Reservations(this.#gateway, this.#call, this.#ms)
    try {
      own.add(late)
    } catch (error) {
      this.#gateway.report('a late discharge is none', error, this.#call)
    }
    await own.release()
  }
}
