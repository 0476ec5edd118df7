import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'

/** What this codec keeps in an event's `frame`: one event of a stream, or a whole body. */
export type Frame = Readonly<{ form: 'event' | 'whole'; tree: TreeObject }>

export function asFrame(frame: unknown): Frame {
  if (typeof frame === 'object' && frame !== null && 'form' in frame && 'tree' in frame) {
    const { form, tree } = frame
    if ((form === 'event' || form === 'whole') && tree instanceof Map) return { form, tree }
  }
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an event was encoded whose frame another codec made')
}
