import { IncomingMessage } from 'node:http'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Codec } from '../core/port.ts'
import type { CallWatch, Telemetry } from '../core/telemetry.ts'
import { ledgerError } from '../pipeline/ending.ts'
import type { Gateway } from '../pipeline/gateway.ts'
import { handle } from '../pipeline/handle.ts'
import { readBody } from './body.ts'
import type { BodyBudget, Hold } from './budget.ts'
import { HttpClient } from './client.ts'
import { awaitsContinue, type Handler, type Inbound, type Outbound } from './exchange.ts'
import type { Flight } from './flight.ts'
import { readHead } from './head.ts'
import { certificateOf } from './peer.ts'
import { Uploads } from './uploads.ts'

/** Where a dialect is served: the prefix of the path names it (`/openai/v1`). */
export type Mount = Readonly<{
  /** Compared as it came: no encoding, no case, no dot of it is another spelling of it. */
  prefix: string
  /** At least one; the first one answers what none of them has. */
  codecs: readonly Codec[]
  /** A sentence on what to do about a path below the prefix where SDKs knock though nothing is there. */
  hints?: (path: string) => string | undefined
}>

export type DataPlane = Readonly<{
  gateway: Gateway
  telemetry: Telemetry
  mounts: readonly Mount[]
  budget: BodyBudget
  /** For answers that wait for their readers: apart, so that uploads cut none off, and slow readers refuse no calls. */
  answers: BodyBudget
  /** Read anew for each call: a reload may change them. */
  limits: () => Readonly<{ bodyBytes: number; stallMs: number }>
  /** Header names that carry a gateway credential: taken away before anything else sees the call. */
  credentialHeaders: ReadonlySet<string>
  /** What answers on paths that no dialect has. */
  edge: Handler
  /** While it is true, connections close after their call. */
  draining: () => boolean
  /** Calls under way, for draining. */
  flight: Flight
}>

/** The governed path: a plain handler, mounted before everything else. */
export function dataPlane(plane: DataPlane): Handler {
  const { gateway, flight } = plane
  const uploads = new Uploads()
  const stop = (): void => uploads.stop(() => stopping(gateway))
  if (gateway.drained.aborted) stop()
  else gateway.drained.addEventListener('abort', stop, { once: true })
  return (request, response) => {
    const url = request.url ?? '/'
    const cut = url.indexOf('?')
    const path = cut === -1 ? url : url.slice(0, cut)
    const query = cut === -1 ? '' : url.slice(cut + 1)
    const mount = plane.mounts.find(({ prefix }) => path.startsWith(prefix) && path.charCodeAt(prefix.length) === 47)
    if (mount === undefined) return plane.edge(request, response)
    flight.begin()
    const served = attend(plane, { mount, path: path.slice(mount.prefix.length), query, request, response })
    serve(plane, uploads, served)
      .catch((error: unknown) => {
        gateway.report('a call could not even be refused', error, served.id)
        served.client.destroy()
      })
      .then(async () => {
        flight.answered()
        await served.client.over
        served.watch.ended(served.client.status, served.tenant)
        flight.end()
      })
  }
}

/** A call at its mount; `path` is below the prefix. */
type Arrival = Readonly<{ mount: Mount; path: string; query: string; request: Inbound; response: Outbound }>

/** A call that has a client, an id and somebody who watches it. `tenant` is null while nobody is proved. */
type Served = Readonly<{ arrival: Arrival; id: string; codec: Codec; client: HttpClient; watch: CallWatch }> & {
  tenant: string | null
}

function attend(plane: DataPlane, arrival: Arrival): Served {
  const { mount, path, request, response } = arrival
  const { method = 'GET' } = request
  const codec = mount.codecs.find((candidate) => candidate.matches(method, path)) ?? mount.codecs[0]
  if (codec === undefined) throw new Error(`nothing is mounted at ${mount.prefix}`)
  const { traceparent } = request.headers
  const id = newId()
  const client = new HttpClient(response, {
    stallMs: plane.limits().stallMs,
    closing: plane.draining,
    keep: (bytes) => keep(plane, bytes, served.tenant, id),
  })
  const watch = plane.telemetry.arrived({
    id,
    dialect: codec.dialect,
    prefix: mount.prefix,
    method,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  })
  const served: Served = { arrival, id, codec, client, watch, tenant: null }
  return served
}

/** One call at the socket: known, read, handled. What fails before it is a call is answered in the dialect and counted. */
async function serve(plane: DataPlane, uploads: Uploads, served: Served): Promise<void> {
  const { gateway } = plane
  const { id, codec, client, watch } = served
  const { mount, path, query, request, response } = served.arrival
  let hold: Hold | undefined
  try {
    const { proof, headers } = readHead(request, plane.credentialHeaders)
    refuseKeyInQuery(query)
    const { method = 'GET' } = request
    const began = performance.now()
    const said = gateway.authenticator.authenticate({
      method,
      path: mount.prefix + path,
      query,
      proof,
      headers,
      certificate: certificateOf(request),
    })
    const proved = said instanceof Promise ? await said : said
    watch.spent('auth', performance.now() - began)
    const { principal } = proved
    if (proved.confirm === null || proved.head === 'proved') served.tenant = principal.tenant
    if (!codec.matches(method, path)) throw unknownRoute(request, mount, path)
    const ask = awaitsContinue(request) ? () => void response.writeContinue() : undefined
    hold = plane.budget.hold(served.tenant)
    const body = await readBody(request, plane.limits().bodyBytes, hold, uploads, ask)
    proved.confirm?.(body)
    if (served.tenant === null) {
      served.tenant = principal.tenant
      hold.moveTo(principal.tenant)
    }
    const arrived = performance.now()
    const call = codec.read({ id, method, path, query, headers, body, principal })
    watch.spent('parse', performance.now() - arrived)
    watch.read(call)
    await handle({ call, codec, client, gateway, watch })
  } catch (error) {
    const known = isCustomhouseError(error) ? error : internal(gateway, error, id)
    gateway.refused(known.code, served.tenant)
    watch.decided('error')
    const reply = codec.refuse(id, known)
    client.begin(reply.status, { ...reply.headers, 'x-customhouse-call': id })
    if (hasArrived(request)) client.end(reply.body)
    else client.endUnread(request, reply.body)
  } finally {
    hold?.release()
  }
}

/** Counts what waits for a reader as the tenant's. What finds no room is cut off: its outcome is on record, and it must not be kept. */
function keep({ answers, gateway }: DataPlane, bytes: number, tenant: string | null, id: string): () => void {
  const hold = answers.hold(tenant)
  try {
    hold.take(bytes)
  } catch (error) {
    gateway.report('an answer was cut off: its reader is slow, and there is no room to keep it', error, id)
    throw error
  }
  return () => hold.release()
}

/** Why a body is not waited for any longer. A ledger that has latched stops the gateway as well, and says more. */
function stopping({ ledger }: Gateway): CustomhouseError {
  const health = ledger.health()
  return health === 'ok'
    ? new CustomhouseError(
        'ERR_GATEWAY_DRAINING',
        'The gateway is stopping, and the call had not arrived whole. Send it again.',
      )
    : ledgerError(health)
}

function internal(gateway: Gateway, error: unknown, id: string): CustomhouseError {
  gateway.report('the call failed at the socket', error, id)
  return new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    'The gateway failed. Its operator finds the cause under the call id.',
  )
}

/** A key in the query lands in every access log on the way. */
function refuseKeyInQuery(query: string): void {
  if (query !== '' && new URLSearchParams(query).has('key')) {
    throw new CustomhouseError(
      'ERR_IDENTITY_INVALID',
      'A key in the query lands in access logs, so it is not taken. Send it as a header (Authorization: Bearer ...), and rotate it.',
    )
  }
}

/** Whether nothing more of the call is to come. */
function hasArrived(request: Inbound): boolean {
  return request instanceof IncomingMessage ? request.complete : request.readableEnded
}

function unknownRoute(request: Inbound, mount: Mount, path: string): CustomhouseError {
  const shown = /^[\w/.-]{1,80}$/.test(path) ? ` ${path}` : ''
  const mend = mount.hints?.(path) ?? ''
  return new CustomhouseError(
    'ERR_CALL_UNKNOWN_ROUTE',
    `${request.method ?? 'GET'}${shown} is not served under ${mount.prefix}. What no codec reads is not relayed.${mend === '' ? '' : ` ${mend}`}`,
  )
}
