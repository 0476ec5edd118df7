import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { Outbox } from './outbox.ts'
import { Spans } from './spans.ts'

/** For a collector to take an export, and for the last ones at a stop. `OTEL_EXPORTER_OTLP_TIMEOUT` may make the first shorter. */
const EXPORT_MS = 2_000
const STOP_MS = 2_000

export type Traces = Readonly<{ spans: Spans; stop(): Promise<void> }>

export type TraceOptions = Readonly<{
  env: NodeJS.ProcessEnv
  version: string
  acceptParent: () => boolean
  report: (result: 'exported' | 'dropped' | 'failed', spans: number) => void
  warn: (line: string) => void
}>

/**
 * Spans to an OTLP/HTTP collector, where the environment names one (OpenTelemetry's own variables, read by its SDK); else null, and nothing of its SDK is
 * loaded. Rejects for nothing: a gateway serves without a collector.
 */
export async function openTraces(options: TraceOptions): Promise<Traces | null> {
  const { env, warn } = options
  const endpoint = endpointOf(env)
  if (endpoint === null) return null
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    warn('no spans are exported: OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) is not an http or https address')
    return null
  }
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/json'
  if (!protocol.startsWith('http/'))
    warn('spans are exported by OTLP over HTTP in JSON, whatever OTEL_EXPORTER_OTLP_PROTOCOL says')
  for (const line of doubts(env)) warn(line)
  try {
    return await open(options)
  } catch {
    // What the SDK throws may hold what a variable holds, a header's secret for one.
    warn('no spans are exported: a variable OTEL_... has a value that cannot be used')
    return null
  }
}

const SAMPLERS: ReadonlySet<string> = new Set(['always_on', 'always_off', 'traceidratio'])

/** What the SDK would put something else in place of, without a word: its own log is nobody's. */
function doubts({ OTEL_TRACES_SAMPLER = '', OTEL_TRACES_SAMPLER_ARG = '' }: NodeJS.ProcessEnv): readonly string[] {
  // As the SDK reads it, which takes no blank away.
  const sampler = OTEL_TRACES_SAMPLER.trim() === '' ? '' : OTEL_TRACES_SAMPLER
  const bare = sampler.replace(/^parentbased_/, '')
  if (sampler !== '' && !SAMPLERS.has(bare))
    return ['OTEL_TRACES_SAMPLER names no sampler: every call is traced (parentbased_always_on)']
  const ratio = OTEL_TRACES_SAMPLER_ARG.trim()
  const good = ratio !== '' && Number(ratio) >= 0 && Number(ratio) <= 1
  return bare === 'traceidratio' && !good
    ? ['OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1: every call is traced']
    : []
}

function endpointOf(env: NodeJS.ProcessEnv): string | null {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return null
  if (env.OTEL_TRACES_EXPORTER?.trim().toLowerCase() === 'none') return null
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?.trim() || env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim()
  return endpoint === undefined || endpoint === '' ? null : endpoint
}

async function open({ env, version, acceptParent, report }: TraceOptions): Promise<Traces> {
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  let agent: Agent | null = null
  const exportMs = Math.min(
    EXPORT_MS,
    numberOf(env.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? env.OTEL_EXPORTER_OTLP_TIMEOUT, EXPORT_MS),
  )
  const exporter = new OTLPTraceExporter({
    timeoutMillis: exportMs,
    // Ours, so that what a collector does not end can be broken.
    httpAgentOptions: (protocol) => {
      agent = protocol === 'https:' ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true })
      return agent
    },
  })
  const outbox = new Outbox(exporter, {
    queue: numberOf(env.OTEL_BSP_MAX_QUEUE_SIZE, 2_048),
    batch: numberOf(env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, 128),
    delayMs: numberOf(env.OTEL_BSP_SCHEDULE_DELAY, 5_000),
    exportMs: 2 * exportMs,
    // A collector that trickles its answer would keep a connection for each export: the SDK's time-out is for silence.
    late: () => agent?.destroy(),
    report,
  })
  const named = resources.resourceFromAttributes({ 'service.name': 'customhouse', 'service.version': version })
  const provider = new sdk.BasicTracerProvider({
    resource: named.merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [outbox],
  })
  return {
    spans: new Spans(api, provider.getTracer('customhouse', version), acceptParent),
    stop: async () => {
      await outbox.close(STOP_MS)
      agent?.destroy()
    },
  }
}

function numberOf(text: string | undefined, otherwise: number): number {
  const number = Number(text)
  return text !== undefined && Number.isInteger(number) && number > 0 && number <= 1_000_000 ? number : otherwise
}
