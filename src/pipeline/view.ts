import type { Reason } from '../core/decision.ts'
import { isCustomhouseError } from '../core/errors.ts'
import type { Filter, LaneEdit, LaneView } from '../core/plugin.ts'
import { baseReason, Denial } from './base.ts'
import type { Lane } from './lane.ts'

const NONE: readonly LaneEdit[] = []

/** A lane as filters see it. */
export function viewOf(lane: Lane, ended: boolean): LaneView {
  const { name, channel, role, text, released, signed, json, tool, argument, findings } = lane
  const final = ended || lane.closed
  const view = { lane: name, channel, role, text, released, final, signed, json, tool, findings }
  return argument === undefined ? view : { ...view, argument }
}

/** What a filter makes of a lane. A refusal that it throws denies the answer; whatever else it throws is its failure. */
export function editsOf({ name, edit }: Filter, view: LaneView): readonly LaneEdit[] {
  try {
    return edit?.(view) ?? NONE
  } catch (error) {
    if (!isCustomhouseError(error, 'ERR_POLICY_DENIED')) throw error
    throw new Denial([refusal(name, error.detail.rule, error.message)], null, { answer: error })
  }
}

function refusal(name: string, rule: unknown, message: string): Reason {
  if (typeof rule !== 'string') return baseReason('refused', `the filter ${name} refuses the answer: ${message}`)
  return rule.startsWith('unmet/') ? { control: 'unmet', rule, controls: [], message } : baseReason(rule, message)
}

/** An edit of what the provider has signed cannot be made. */
export function signedText({ name }: Filter): Denial {
  return new Denial(
    [baseReason('signed-text', `the filter ${name} would edit text that the provider has signed`)],
    null,
  )
}
