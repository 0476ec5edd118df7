import { isCustomhouseError } from '../core/errors.ts'
import type { Health } from '../http/admin.ts'

/** How far the gateway has come on its way from start to stop. Its members are set by whoever starts and drains it. */
export type Standing = {
  /** What the start is at, or waits for; null once both ports are open. */
  starting: string | null
  /** Not ready any more; calls are still taken. */
  draining: boolean
  /** Connections close after their call. */
  closing: boolean
}

/** What each part says of itself: `ok`, `ok` with more, or what is wrong. */
export type Parts = () => Readonly<Record<string, string>>

export function stand(): Standing {
  return { starting: 'the ledger is being opened', draining: false, closing: false }
}

/** What the probes are told; `parts` is null until there are any. */
export function healthOf(standing: Standing, parts: () => Parts | null): Health {
  return {
    started: () => standing.starting === null,
    draining: () => standing.draining,
    checks: () => ({
      ...(standing.starting === null ? {} : { start: standing.starting }),
      ...parts()?.(),
    }),
  }
}

/** A ledger's health in the words of the probes. A want of room passes by itself; what has latched does not. */
export function stateOf(health: 'ok' | Error): string {
  if (health === 'ok') return 'ok'
  const low = isCustomhouseError(health) && health.detail.free !== undefined
  if (!low) return 'it cannot write'
  const volume = health.detail.volume === 'keys' ? 'the volume of the keys folder' : 'its volume'
  return `${volume} is almost full: nothing new is begun until it has room`
}
