import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | null = null

/** prom-client's own metrics of the process and of Node. Once a process, however many gateways it has: a timer and an observer stand behind them. */
export function processMetrics(): Registry {
  if (registry === null) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
