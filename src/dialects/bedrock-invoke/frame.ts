import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Frame as MessageFrame } from '../anthropic-messages/frame.ts'

/** What this codec keeps in an event's `frame`: an event of a message, a whole body, or an exception of the service. */
export type Frame = MessageFrame | Readonly<{ form: 'exception'; type: string; tree: TreeObject }>

export function asFrame(frame: unknown): Frame {
  if (typeof frame === 'object' && frame !== null && 'form' in frame && 'tree' in frame && frame.tree instanceof Map) {
    const { form, tree } = frame
    if (form === 'event' || form === 'whole') return { form, tree }
    if (form === 'exception' && 'type' in frame && typeof frame.type === 'string')
      return { form, type: frame.type, tree }
  }
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an event was encoded whose frame another codec made')
}
