import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'

/** What this codec keeps in an event's `frame`: a whole body, or one message of a stream with its `:event-type` or `:exception-type`. */
export type Frame =
  | Readonly<{ form: 'whole'; tree: TreeObject }>
  | Readonly<{ form: 'event' | 'exception'; type: string; tree: TreeObject }>

export function asFrame(frame: unknown): Frame {
  if (typeof frame === 'object' && frame !== null && 'form' in frame && 'tree' in frame && frame.tree instanceof Map) {
    const { form, tree } = frame
    if (form === 'whole') return { form, tree }
    if ((form === 'event' || form === 'exception') && 'type' in frame && typeof frame.type === 'string') {
      return { form, type: frame.type, tree }
    }
  }
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an event was encoded whose frame another codec made')
}
