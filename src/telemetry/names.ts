import type { ProviderKind } from '../core/call.ts'

/**
 * Names of the OpenTelemetry conventions that we speak: HTTP 1.43 (stable), and GenAI (`open-telemetry/semantic-conventions-genai`, schema
 * https://opentelemetry.io/schemas/gen-ai/1.42.0, development). The package of the core conventions calls every `gen_ai.*` constant deprecated,
 * since they moved, so they stand here.
 */
export const ATTRIBUTE = {
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  error: 'error.type',
  address: 'server.address',
  port: 'server.port',
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  maxTokens: 'gen_ai.request.max_tokens',
  stream: 'gen_ai.request.stream',
  finish: 'gen_ai.response.finish_reasons',
  firstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedTokens: 'gen_ai.usage.cache_read.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  // Our own; those of guardrails are a draft.
  call: 'gw.call.id',
  dialect: 'gw.call.dialect',
  tenant: 'gw.tenant',
  decision: 'gw.decision',
  attempt: 'gw.attempt',
  target: 'gw.target',
  ending: 'gw.ending',
  revision: 'gw.policy.revision',
  effect: 'gw.policy.effect',
  rules: 'gw.policy.rules',
} as const

/** `gen_ai.provider.name` by kind. */
export const PROVIDER: Readonly<Record<ProviderKind, string>> = {
  openai: 'openai',
  azure: 'azure.ai.openai',
  mistral: 'mistral_ai',
  anthropic: 'anthropic',
  bedrock: 'aws.bedrock',
}

/** Every kind of provider: the values of the label `vendor`, beside "" for none. */
export const KINDS: readonly string[] = Object.keys(PROVIDER)

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
])

/** `http.request.method`: a client may write anything there. */
export function methodOf(method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}

/** The id of a rule, or `other` for what does not look like one: a policy may make ids up. */
export function ruleOf(rule: string): string {
  return /^[\w.-]{1,64}\/[\w.-]{1,64}$/.test(rule) ? rule : 'other'
}
