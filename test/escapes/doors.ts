/** A way in, and what is asked for by a good call of it. The same mount before other clouds is another door: other rules say where its calls go. */
export type Door = Readonly<{
  title: string
  form: 'openai' | 'mistral' | 'anthropic' | 'bedrock'
  /** Name of a model whose only route is permitted. */
  good: string
  /** One whose only route is forbidden, as plain as can be. */
  bad: string
  /** Whether it has streams. */
  streams: boolean
  path(model: string, streamed: boolean): string
  /** `more` are members besides, as JSON text with a comma before it. */
  body(model: string, streamed: boolean, more?: string): string
  headers: Readonly<Record<string, string>>
}>

const SAYS = '"messages":[{"role":"user","content":"hello"}]'
const id = encodeURIComponent
const flag = (streamed: boolean): string => (streamed ? ',"stream":true' : '')

const chat = (title: string, mount: string, good: string, bad: string): Door => ({
  title,
  form: mount === '/mistral/v1' ? 'mistral' : 'openai',
  good,
  bad,
  streams: true,
  path: () => `${mount}/chat/completions`,
  body: (model, streamed, more = '') => `{"model":${JSON.stringify(model)},${SAYS}${flag(streamed)}${more}}`,
  headers: {},
})

export const OPENAI = chat('openai.chat', '/openai/v1', 'eu', 'us')
export const AZURE = chat('openai.chat at Azure', '/azure/openai/v1', 'azure-standard', 'azure-global')
export const MISTRAL = chat('openai.chat at Mistral', '/mistral/v1', 'mistral-own', 'mistral-us')
export const VERTEX = chat('openai.chat at Vertex', '/openai/v1', 'vertex-eu', 'vertex-us')
export const OCI = chat('openai.chat at OCI', '/openai/v1', 'oci-llama', 'oci-ashburn')
export const CLASSIC: Door = {
  ...AZURE,
  title: 'openai.chat at Azure, classic',
  path: (model) => `/azure/openai/deployments/${id(model)}/chat/completions?api-version=2024-10-21`,
}

export const ANTHROPIC: Door = {
  title: 'anthropic.messages',
  form: 'anthropic',
  good: 'claude-own',
  bad: 'claude-api',
  streams: true,
  path: () => '/anthropic/v1/messages',
  body: (model, streamed, more = '') =>
    `{"model":${JSON.stringify(model)},"max_tokens":64,${SAYS}${flag(streamed)}${more}}`,
  headers: { 'anthropic-version': '2023-06-01' },
}

export const COUNT: Door = {
  ...ANTHROPIC,
  title: 'anthropic.messages, counting',
  streams: false,
  path: () => '/anthropic/v1/messages/count_tokens',
  body: (model, _, more = '') => `{"model":${JSON.stringify(model)},${SAYS}${more}}`,
}

export const CONVERSE: Door = {
  title: 'bedrock.converse',
  form: 'bedrock',
  good: 'fra',
  bad: 'fra-global',
  streams: true,
  path: (model, streamed) => `/bedrock/model/${id(model)}/converse${streamed ? '-stream' : ''}`,
  body: (_, __, more = '') => `{"messages":[{"role":"user","content":[{"text":"hello"}]}]${more}}`,
  headers: {},
}

export const INVOKE: Door = {
  ...CONVERSE,
  title: 'bedrock.invoke',
  path: (model, streamed) => `/bedrock/model/${id(model)}/invoke${streamed ? '-with-response-stream' : ''}`,
  body: (_, __, more = '') => `{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,${SAYS}${more}}`,
}

export const TOKENS: Door = {
  ...CONVERSE,
  title: 'bedrock.converse, counting',
  streams: false,
  path: (model) => `/bedrock/model/${id(model)}/count-tokens`,
  body: (_, __, more = '') =>
    `{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hello"}]}]${more}}}}`,
}

export const DIALECTS: readonly Door[] = [OPENAI, ANTHROPIC, CONVERSE, INVOKE]
export const ALL: readonly Door[] = [...DIALECTS, AZURE, CLASSIC, MISTRAL, VERTEX, OCI, COUNT, TOKENS]
