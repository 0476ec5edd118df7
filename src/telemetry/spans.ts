import type { Attributes, Context, Span, SpanStatusCode, Tracer } from '@opentelemetry/api'
import type { CallFacts, Outcome, Target } from '../core/call.ts'
import type { CustomhouseError } from '../core/errors.ts'
import type { Arrival, Decided, Evaluated } from '../core/telemetry.ts'
import { ATTRIBUTE, methodOf, PROVIDER, ruleOf } from './names.ts'
import { parentOf } from './parent.ts'

/** The parts of `@opentelemetry/api` that spans are made with: loaded only where they are exported. */
export type Api = Pick<typeof import('@opentelemetry/api'), 'ROOT_CONTEXT' | 'SpanKind' | 'SpanStatusCode' | 'trace'>

/** Rules of a denial that its span names. */
const RULES = 16

/** Makes the spans of calls. None of them holds text of a call, a subject, a header's value or a path. */
export class Spans {
  readonly #api: Api
  readonly #tracer: Tracer
  readonly #acceptParent: () => boolean

  constructor(api: Api, tracer: Tracer, acceptParent: () => boolean) {
    this.#api = api
    this.#tracer = tracer
    this.#acceptParent = acceptParent
  }

  /** The SERVER span of a call; null where the sampler takes none. */
  arrived({ id, dialect, prefix, method, traceparent }: Arrival): CallSpan | null {
    const { ROOT_CONTEXT, SpanKind, trace } = this.#api
    const parent = this.#acceptParent() ? parentOf(traceparent) : null
    const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true })
    const verb = methodOf(method)
    const attributes = {
      [ATTRIBUTE.method]: verb,
      [ATTRIBUTE.route]: prefix,
      [ATTRIBUTE.call]: id,
      [ATTRIBUTE.dialect]: dialect,
    }
    const span = this.#tracer.startSpan(`${verb} ${prefix}`, { kind: SpanKind.SERVER, attributes }, context)
    if (!span.isRecording()) return null
    return new CallSpan(this.#api, this.#tracer, span, trace.setSpan(ROOT_CONTEXT, span), verb, prefix)
  }
}

export class CallSpan {
  readonly #api: Api
  readonly #tracer: Tracer
  readonly #span: Span
  readonly #context: Context
  readonly #method: string
  readonly #prefix: string
  #call: CallFacts | null = null
  readonly #attributes: Attributes = {}

  constructor(api: Api, tracer: Tracer, span: Span, context: Context, method: string, prefix: string) {
    this.#api = api
    this.#tracer = tracer
    this.#span = span
    this.#context = context
    this.#method = method
    this.#prefix = prefix
  }

  read(call: CallFacts): void {
    this.#call = call
    // The mount and what is asked for there: the rest of a path may name a model.
    const route = `${this.#prefix}/${call.operation}`
    this.#span.updateName(`${this.#method} ${route}`)
    this.#attributes[ATTRIBUTE.route] = route
    this.#attributes[ATTRIBUTE.operation] = call.operation
    this.#attributes[ATTRIBUTE.stream] = call.stream
  }

  judged({ revision, came }: Evaluated): void {
    this.#attributes[ATTRIBUTE.revision] = revision
    this.#attributes[ATTRIBUTE.effect] = came === 'error' ? 'deny' : came
  }

  denied(rules: readonly string[]): void {
    this.#attributes[ATTRIBUTE.rules] = [...new Set(rules.map(ruleOf))].slice(0, RULES)
    this.#attributes[ATTRIBUTE.effect] = 'deny'
  }

  /** The CLIENT span of a dispatch. */
  attempt(target: Target, number: number, url: string): AttemptSpan {
    const call = this.#call
    const operation = call?.operation ?? 'chat'
    const { hostname, port, protocol } = new URL(url)
    const attributes: Attributes = {
      [ATTRIBUTE.operation]: operation,
      [ATTRIBUTE.provider]: PROVIDER[target.kind],
      [ATTRIBUTE.requestModel]: target.model,
      [ATTRIBUTE.address]: hostname,
      [ATTRIBUTE.port]: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
      [ATTRIBUTE.attempt]: number,
      [ATTRIBUTE.target]: target.id,
    }
    const most = call?.estimate.maxOutputTokens ?? null
    if (most !== null) attributes[ATTRIBUTE.maxTokens] = most
    if (call?.stream === true) attributes[ATTRIBUTE.stream] = true
    const span = this.#tracer.startSpan(
      `${operation} ${target.model}`,
      { kind: this.#api.SpanKind.CLIENT, attributes },
      this.#context,
    )
    return new AttemptSpan(span, this.#api.SpanStatusCode.ERROR, call?.stream === true)
  }

  /** @param broken how the answer broke off, '' where it did not */
  ended(status: number, decided: Decided, tenant: string, broken: string): void {
    this.#attributes[ATTRIBUTE.status] = status
    this.#attributes[ATTRIBUTE.decision] = decided
    if (tenant !== '') this.#attributes[ATTRIBUTE.tenant] = tenant
    // A SERVER span is an error only where the server is at fault (HTTP conventions, "Status").
    // What broke off under a good status is as much one: it was sent before anybody knew.
    const error = status >= 500 ? String(status) : status < 400 ? broken : ''
    if (error !== '') {
      this.#attributes[ATTRIBUTE.error] = error
      this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
    }
    this.#span.setAttributes(this.#attributes)
    this.#span.end()
  }
}

export class AttemptSpan {
  readonly #span: Span
  readonly #error: SpanStatusCode
  readonly #stream: boolean

  constructor(span: Span, error: SpanStatusCode, stream: boolean) {
    this.#span = span
    this.#error = error
    this.#stream = stream
  }

  failed(error: CustomhouseError): void {
    const { provider_status: status } = error.detail
    if (typeof status === 'number') this.#span.setAttribute(ATTRIBUTE.status, status)
    this.#span.setAttribute(ATTRIBUTE.error, error.code)
    this.#span.setStatus({ code: this.#error })
    this.#span.end()
  }

  ended({ usage, finish, ending, firstEventMs }: Outcome, status: number, errorType: string): void {
    const attributes: Attributes = { [ATTRIBUTE.status]: status, [ATTRIBUTE.ending]: ending }
    if (finish !== null) attributes[ATTRIBUTE.finish] = [finish]
    if (this.#stream && firstEventMs !== null) attributes[ATTRIBUTE.firstChunk] = firstEventMs / 1_000
    set(attributes, ATTRIBUTE.inputTokens, usage.inputTokens)
    set(attributes, ATTRIBUTE.outputTokens, usage.outputTokens)
    set(attributes, ATTRIBUTE.cachedTokens, usage.cachedInputTokens)
    set(attributes, ATTRIBUTE.reasoningTokens, usage.reasoningTokens)
    if (errorType !== '') {
      attributes[ATTRIBUTE.error] = errorType
      this.#span.setStatus({ code: this.#error })
    }
    this.#span.setAttributes(attributes)
    this.#span.end()
  }
}

function set(attributes: Attributes, name: string, value: number | undefined): void {
  if (value !== undefined) attributes[name] = value
}
