import { createHash } from 'node:crypto'
import type { Dispatch, ModelCall, Residency, Target } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Answer, Codec, Provider, UpstreamMessage } from '../core/port.ts'
import { within } from '../core/residency.ts'
import { baseReason, Denial } from './base.ts'
import type { Discharging } from './discharge.ts'
import type { Visit } from './gateway.ts'

export function providerOf(generation: Generation, target: Target): Provider {
  const provider = generation.providers.get(target.provider)
  if (provider === undefined) throw new Error(`target ${target.id} names a provider that does not exist`)
  return provider
}

/**
 * What will be sent, frozen, with its residency resolved from its own address: it must lie within what was judged, whatever the
 * configuration says about the target.
 */
export function dispatchOf(
  { call, codec }: Visit,
  target: Target,
  discharged: Extract<Discharging, { met: true }>,
  generation: Generation,
): Dispatch | Denial {
  const message = written(codec, call, target, discharged)
  if (message instanceof Denial) return message
  const { path, headers, body } = message
  const url = providerOf(generation, target).address({ path, headers, body })
  const residency = generation.catalogue.resolve(url, body)
  const judged: readonly Residency[] = [target.residency, ...discharged.pins]
  if (!judged.every((allowed) => within(residency, allowed))) {
    return new Denial(
      [baseReason('residency-drift', `${target.id} would be sent outside of where it was judged to go`)],
      null,
    )
  }
  const digest = createHash('sha256')
    .update(`POST ${url}\n${JSON.stringify(headers)}\n`)
    .update(body)
    .digest('hex')
  return Object.freeze({
    call: call.id,
    tenant: call.principal.tenant,
    target,
    method: 'POST',
    url,
    headers: Object.freeze(headers),
    body,
    residency,
    reservation: discharged.reservation,
    digest,
  })
}

/** The codec's message; a denial where an obligation demands an edit of what its provider has signed, or the call asks for another place. */
function written(
  codec: Codec,
  call: ModelCall,
  target: Target,
  { edits, assign }: Extract<Discharging, { met: true }>,
): UpstreamMessage | Denial {
  try {
    return codec.write(call, target, edits, assign)
  } catch (error) {
    if (!isCustomhouseError(error, 'ERR_POLICY_DENIED')) throw error
    const { rule } = error.detail
    return new Denial([baseReason(typeof rule === 'string' ? rule : 'unwritable', error.message)], null, {
      answer: error,
    })
  }
}

/** Statuses that mean "not I, not now": another permitted target may answer instead. */
const ELSEWHERE: ReadonlySet<number> = new Set([408, 409, 425, 429])

/**
 * Sends a dispatch and waits until an answer begins.
 *
 * @param last no other permitted target is left, so that the provider's own error is the best answer there is
 * @returns the answer, or why there is none; an error of the credential that the gateway itself holds is never the client's to see
 */
export async function open(
  provider: Provider,
  dispatch: Dispatch,
  signal: AbortSignal,
  last: boolean,
): Promise<Answer | CustomhouseError> {
  try {
    return sorted(provider, await provider.open(dispatch, signal), last)
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    return new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'The provider could not be reached.', { cause: error })
  }
}

function sorted(provider: Provider, answer: Answer, last: boolean): Answer | CustomhouseError {
  const { status } = answer
  if (status >= 200 && status < 300) return answer
  const credential = status === 401 || status === 403
  const elsewhere = status >= 500 || ELSEWHERE.has(status)
  if (status >= 400 && !credential && (last || !elsewhere)) return answer
  answer.body.cancel()
  const detail = { provider_status: status }
  if (credential) {
    return new CustomhouseError(
      'ERR_PROVIDER_UNREACHABLE',
      `The provider ${provider.name} refused the gateway's own credential (status ${status}); its operator must mend it.`,
      { detail },
    )
  }
  const fault = status < 400 ? 'ERR_PROVIDER_MALFORMED' : 'ERR_PROVIDER_UNREACHABLE'
  return new CustomhouseError(fault, `The provider ${provider.name} answered with status ${status}.`, { detail })
}

const LATE = new CustomhouseError(
  'ERR_PROVIDER_TIMEOUT',
  'The provider took longer than an answer may (timeouts.total).',
)

/**
 * What a signal that all calls share ends. An AbortSignal walks its list of listeners at each coming and going (measured: 45 us with
 * 5,000 calls open, 3 us with none), so it has one of ours. Calls stand in places that are used again and cleared when a call leaves.
 */
type Places = { readonly calls: (() => void)[]; readonly free: number[] }
const ended = new WeakMap<AbortSignal, Places>()
const nobody = (): void => undefined

function endedBy(shared: AbortSignal): Places {
  const known = ended.get(shared)
  if (known !== undefined) return known
  const places: Places = { calls: [], free: [] }
  shared.addEventListener('abort', () => {
    for (const abort of [...places.calls]) abort()
  })
  ended.set(shared, places)
  return places
}

/** One abort signal for an attempt: the client left, the time is over, or the gateway stops. `end` must be called. */
export function lifeline(
  { client, gateway }: Visit,
  totalMs: number,
): Readonly<{ signal: AbortSignal; end: () => void }> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const timer = setTimeout(() => controller.abort(LATE), totalMs)
  client.gone.addEventListener('abort', abort, { once: true })
  const { calls, free } = endedBy(gateway.drained)
  const place = free.pop() ?? calls.length
  calls[place] = abort
  if (client.gone.aborted || gateway.drained.aborted) abort()
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer)
      client.gone.removeEventListener('abort', abort)
      calls[place] = nobody
      free.push(place)
    },
  }
}
