import type { Logger } from 'pino'
import type { Flight } from '../http/flight.ts'
import { LINGER_MS } from '../http/limits.ts'
import type { Listener } from '../http/listener.ts'
import type { Standing } from './standing.ts'

/** After open calls were cut off at the end of a drain: for their outcomes. */
const OUTCOMES_MS = 5_000

type Drain = Readonly<{
  standing: Standing
  drained: AbortController
  flight: Flight
  dataListener: Listener
  config: () => Readonly<{ preStopDelayMs: number; timeoutMs: number }>
  log: Logger
}>

/** The stop function: the first call drains, a second one hurries the first. */
export function drain(
  { standing, drained, flight, dataListener, config, log }: Drain,
  close: () => Promise<void>,
): () => Promise<void> {
  const hurry = new AbortController()
  let stopping: Promise<void> | undefined
  const within = (ms: number, work: Promise<unknown>): Promise<unknown> => {
    let timer: NodeJS.Timeout | undefined
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
      hurry.signal.addEventListener('abort', () => resolve(), { once: true })
      if (hurry.signal.aborted) resolve()
    })
    return Promise.race([work, time]).finally(() => clearTimeout(timer))
  }
  const run = async (): Promise<void> => {
    const { preStopDelayMs, timeoutMs } = config()
    standing.draining = true
    log.info({ calls: flight.size }, 'draining')
    await within(preStopDelayMs, new Promise(() => undefined))
    standing.closing = true
    const closed = dataListener.stop()
    await within(timeoutMs, flight.over())
    drained.abort()
    await atMost(OUTCOMES_MS, flight.allAnswered())
    await atMost(LINGER_MS, flight.over())
    if (flight.size > 0) log.warn({ calls: flight.size }, 'calls are still open as the ledger is closed')
    await close()
    await closed
    log.info('stopped')
  }
  return () => {
    if (stopping !== undefined) hurry.abort()
    stopping ??= run()
    return stopping
  }
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, time])
  clearTimeout(timer)
}
