import type { Plugin } from '../core/plugin.ts'

/**
 * The gateway's own obligation `stream.hold`: the whole answer is held until it has been read and judged to its end. For entity
 * types without a bound (a PEM key), and for whoever would rather wait than be cut off. Works in both phases.
 */
export const stream: Plugin = {
  name: 'stream',
  discharge: {
    'stream.hold': {
      stage: 'clamp',
      request: () => ({ met: true, filter: { name: 'stream.hold', hold: 'whole' } }),
      response: () => ({ met: true, filter: { name: 'stream.hold', hold: 'whole' } }),
    },
  },
}
