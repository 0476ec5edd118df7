import type { Logger } from 'pino'
import { CustomhouseError } from '../core/errors.ts'
import { errorFacts } from './log.ts'

/** For one part to stop. The ledger's own bounds are shorter. */
const PART_MS = 15_000

type Step = Readonly<{ part: string; stop: () => Promise<void> | void; counts: boolean }>

/** What was put up, to be taken down last first: when a start fails, and at the end. */
export class Undo {
  readonly #steps: Step[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  /** @param counts whether what fails in it is a failure of the whole, and not only a line in the log */
  add(part: string, stop: Step['stop'], counts = true): void {
    this.#steps.push({ part, stop, counts })
  }

  /** A part that fails, or does not come to its end, keeps none of the others from being stopped; the first failure is thrown. */
  async all(): Promise<void> {
    const failures: unknown[] = []
    for (const { part, stop, counts } of this.#steps.splice(0).reverse()) {
      try {
        await inTime(part, stop)
      } catch (error) {
        this.#log.error(errorFacts(error), `${part} could not be stopped`)
        if (counts) failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

async function inTime(part: string, stop: Step['stop']): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new CustomhouseError('ERR_GATEWAY_INTERNAL', `${part} did not stop within ${PART_MS} ms.`)
    timer = setTimeout(() => reject(error), PART_MS)
  })
  try {
    await Promise.race([stop(), late])
  } finally {
    clearTimeout(timer)
  }
}
