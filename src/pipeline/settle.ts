import type { Outcome } from '../core/call.ts'
import type { Generation } from '../core/generation.ts'
import { inTime } from './deadline.ts'
import type { Visit } from './gateway.ts'

/**
 * Every plugin that settles hears of the ending, exactly once for each intent. One that fails or is late takes nothing from the others, or
 * from the record.
 */
export async function settle({ call, gateway }: Visit, generation: Generation, outcome: Outcome): Promise<void> {
  for (const plugin of generation.plugins) {
    if (plugin.settle === undefined) continue
    try {
      await inTime(() => plugin.settle?.(call, outcome), generation.limits.inspectMs)
    } catch (error) {
      gateway.report(`${plugin.name} could not settle`, error, call.id)
    }
  }
}
