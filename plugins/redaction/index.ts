import type { CallFacts, Segment } from '../../src/core/call.ts'
import type { Obligation } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Filter, Filtered, Plugin, RequestOrder, ResponseOrder } from '../../src/core/plugin.ts'
import { ENTITIES } from './entity.ts'
import type { Inspector } from './inspector.ts'
import { ahead, led, type Shown } from './lead.ts'
import { isMisread, type Params } from './params.ts'
import { askedOf, NO_PROFILES, type Profiles } from './profiles.ts'
import type { Live } from './pseudonyms.ts'
import { redact } from './redact.ts'
import { redactAnswer, restorer } from './restore/index.ts'
import { type TenantKeys, tenantKeys } from './token.ts'

/** `secret`: what the tenants' keys are derived from, 32 bytes or more. Gateways that share it make the same tokens of the same calls. */
export type RedactionOptions = Readonly<{
  inspector: Pick<Inspector, 'inspect' | 'stop'> & Partial<Pick<Inspector, 'start'>>
  secret: Uint8Array
  /** Those that obligations may name. */
  profiles?: Profiles
}>

/** No answer is held back further for the inspector; for what has no bound see `redactAnswer`. */
const SPAN = Math.max(...Object.values(ENTITIES).map(({ bound }) => bound ?? 0))

/** Bytes of a profile's name, as JSON, that a record has room for beside the counts. */
const LONGEST_NAME = 64

const NOTHING: readonly Live[] = []

/** Finds what is personal, and carries out `redact`: takes it out of what is sent, and puts back in the answer what a pseudonym stands for. README.md has the params. */
export function createRedaction({ inspector, secret, profiles = NO_PROFILES }: RedactionOptions): Plugin {
  const tenants = new Map<string, TenantKeys>()
  // What stands for what, while the call lives: nothing of it outlives the call.
  const lives = new WeakMap<CallFacts, readonly Live[]>()
  // Of answers under way.
  const shown = new WeakMap<CallFacts, Shown>()

  function keysOf(tenant: string): TenantKeys {
    const known = tenants.get(tenant)
    if (known !== undefined) return known
    const made = tenantKeys(secret, tenant)
    tenants.set(tenant, made)
    return made
  }

  function request({ call, obligation, segments, findings }: RequestOrder): Discharged {
    const params = askedOf(obligation, 'redact', profiles)
    if (isMisread(params)) return unmet(params.message)
    const done = redact(params, segments, findings, keysOf(call.principal.tenant))
    if (done.refused !== null) return unmet(`redact: ${done.refused}`)
    lives.set(call, union(lives.get(call) ?? NOTHING, done.live))
    const filter = filterOf(params, done.live)
    const notes = notesOf(obligation, done.notes)
    return {
      met: true,
      edits: done.edits,
      ...(filter !== null && { filter }),
      ...(params.answer && { inspects: true }),
      ...(notes !== null && { notes }),
    }
  }

  function response({ call, obligation }: ResponseOrder): Filtered {
    const params = askedOf(obligation, 'answer', profiles)
    if (isMisread(params)) return unmet(params.message)
    return { met: true, filter: redactAnswer(params, lives.get(call) ?? NOTHING, keysOf(call.principal.tenant)) }
  }

  async function inspectAnswer(segments: readonly Segment[], signal: AbortSignal, call: CallFacts) {
    const before = shown.get(call) ?? new Map<string, string>()
    shown.set(call, before)
    const texts = led(segments, before)
    return ahead(await inspector.inspect('response', texts.segments, signal, call), texts)
  }

  return {
    name: 'redaction',
    answers: 'asked',
    span: SPAN,
    inspect: (phase, segments, signal, call) =>
      phase === 'request' ? inspector.inspect(phase, segments, signal, call) : inspectAnswer(segments, signal, call),
    start: async () => inspector.start?.(),
    stop: () => inspector.stop(),
    discharge: { redact: { stage: 'redact', request, response } },
  }
}

/** Of all obligations of the call, at all targets that it was made ready for. */
function union(before: readonly Live[], made: readonly Live[]): readonly Live[] {
  if (before.length === 0) return made
  const there = new Set(before.map(({ token }) => token))
  return [...before, ...made.filter(({ token }) => !there.has(token))]
}

/** Counts by type and operator, and where the obligation is a named profile, its name: no type has a name in small letters. */
function notesOf({ params: { profile } }: Obligation, counts: Readonly<Record<string, Json>>) {
  const named = typeof profile === 'string' && Buffer.byteLength(JSON.stringify(profile)) <= LONGEST_NAME
  if (!named) return Object.keys(counts).length > 0 ? counts : null
  return { profile, ...counts }
}

function filterOf({ restore: { text, tools } }: Params, live: readonly Live[]): Filter | null {
  if (live.length === 0 || (!text && tools === 'none')) return null
  return restorer(live, { tools, reads: text })
}

const unmet = (message: string) => ({ met: false, code: 'unredactable', message }) as const
