import type { JsonTree, TreeObject } from '../../core/json.ts'
import { malformed, shown, unsupported } from '../request.ts'
import { FAST_MODE } from './betas.ts'

/**
 * Top-level members of a body that this codec has read. Others are refused: a new one could name another model, a place, or text that is
 * kept elsewhere, and would be sent on by a gateway that does not know what it says.
 */
const MEMBERS: ReadonlySet<string> = new Set(
  `
  messages system max_tokens metadata stop_sequences temperature top_k top_p thinking tools tool_choice cache_control output_config output_format
  container mcp_servers context_management compaction thread diagnostics service_tier speed inference_geo fallback_credit_token
  `
    .trim()
    .split(/\s+/),
)

/** Members by which a call would choose another model or somebody else's account. */
const ROUTING: ReadonlySet<string> = new Set(['fallbacks', 'billing_policy', 'user_profile_id', 'workspace_id'])

/** Refuses members that are not known. `own` are those that only this form of the dialect has. */
export function checkMembers(body: TreeObject, own: readonly string[], betas: readonly string[]): void {
  for (const name of body.keys()) {
    if (ROUTING.has(name)) {
      throw unsupported(
        `/${name}`,
        "leave it out: it would choose the model or the account, which is for the gateway's routes and policies to say",
      )
    }
    if (!MEMBERS.has(name) && !own.includes(name)) {
      throw unsupported(`/${shown(name)}`, 'leave it out: this gateway does not know what it asks for')
    }
  }
  oneOf(body, 'service_tier', ['auto', 'standard_only'])
  oneOf(body, 'speed', ['standard', 'fast'])
  if (body.get('speed') === 'fast' && !betas.includes(FAST_MODE)) {
    throw unsupported('/speed', `name the beta ${FAST_MODE} as well: policies see betas, and this one has a price`)
  }
  // Narrower than what a target was declared to be is fine; `global` could widen what its workspace has narrowed.
  oneOf(body, 'inference_geo', ['us'])
}

function oneOf(body: TreeObject, name: string, values: readonly string[]): void {
  const value: JsonTree | undefined = body.get(name)
  if (value === undefined || value === null) return
  if (typeof value !== 'string') throw malformed(`/${name}`, 'must be a string')
  if (!values.includes(value)) throw unsupported(`/${name}`, `must be ${values.join(' or ')}, or left out`)
}
