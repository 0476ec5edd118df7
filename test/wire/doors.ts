import type { Dialect } from '../../src/core/call.ts'
import { anthropicAnswer, converseAnswer, openaiAnswer } from '../kit/index.ts'

/** One way into the gateway: a dialect, the path of its calls, and what a call and its answer look like there. */
export type Door = Readonly<{
  title: string
  dialect: Dialect
  /** Mount, as `src/compose.ts` has it. */
  mount: string
  /** Path below the mount, as the dialect's own SDK writes it. */
  path: string
  /** The model's name for clients, and for the provider. */
  model: string
  target: string
  /** The provider's name in the configuration of a {@link Post}, and its kind. */
  provider: string
  kind: string
  /** Path of its base URL, as the provider's kind wants it. */
  base: string
  /** Path below the upstream's origin to which calls must go, and to nothing else. */
  upstream: string
  /** Fields that a call must have there. */
  headers: Readonly<Record<string, string>>
  /** A good call's body; `more` are members besides, as JSON text with a comma before it. */
  body(more?: string): string
  /** What must have been sent for {@link body}: the same members, the model's name put in where the dialect has it in the body. */
  sent(more?: string): string
  /** The provider's whole answer. */
  answer: unknown
  /** Header fields that may stand in what is sent, besides those of the transport; lower-case. */
  fields: ReadonlySet<string>
}>

const FIELDS = ['content-type', 'accept', 'accept-encoding']
const SAYS = '"messages":[{"role":"user","content":"hello"}]'
const INVOKES = `"anthropic_version":"bedrock-2023-05-31","max_tokens":64,${SAYS}`
const CONVERSE = 'anthropic.claude-3-haiku-20240307-v1:0'
const INVOKE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'

export const OPENAI: Door = {
  title: 'openai.chat',
  dialect: 'openai.chat',
  mount: '/openai/v1',
  path: '/chat/completions',
  model: 'chat-model',
  target: 'gpt-4o',
  provider: 'openai',
  kind: 'openai',
  base: '/v1',
  upstream: '/v1/chat/completions',
  headers: {},
  body: (more = '') => `{"model":"chat-model",${SAYS}${more}}`,
  sent: (more = '') => `{"model":"gpt-4o",${SAYS}${more}}`,
  answer: openaiAnswer({ texts: ['Good day.'] }),
  fields: new Set([...FIELDS, 'authorization']),
}

export const ANTHROPIC: Door = {
  title: 'anthropic.messages',
  dialect: 'anthropic.messages',
  mount: '/anthropic',
  path: '/v1/messages',
  model: 'messages-model',
  target: 'claude-sonnet-4-5',
  provider: 'anthropic',
  kind: 'anthropic',
  base: '',
  upstream: '/v1/messages',
  headers: { 'anthropic-version': '2023-06-01' },
  body: (more = '') => `{"model":"messages-model","max_tokens":64,${SAYS}${more}}`,
  sent: (more = '') => `{"model":"claude-sonnet-4-5","max_tokens":64,${SAYS}${more}}`,
  answer: anthropicAnswer({ texts: ['Good day.'] }),
  fields: new Set([...FIELDS, 'x-api-key', 'anthropic-version', 'anthropic-beta']),
}

export const BEDROCK_CONVERSE: Door = {
  title: 'bedrock.converse',
  dialect: 'bedrock.converse',
  mount: '/bedrock',
  path: '/model/converse-model%3A0/converse',
  model: 'converse-model:0',
  target: CONVERSE,
  provider: 'converse',
  kind: 'bedrock',
  base: '',
  upstream: `/model/${encodeURIComponent(CONVERSE)}/converse`,
  headers: {},
  body: (more = '') => `{"messages":[{"role":"user","content":[{"text":"hello"}]}]${more}}`,
  sent: (more = '') => `{"messages":[{"role":"user","content":[{"text":"hello"}]}]${more}}`,
  answer: converseAnswer({ texts: ['Good day.'] }),
  fields: new Set([...FIELDS, 'authorization']),
}

export const BEDROCK_INVOKE: Door = {
  title: 'bedrock.invoke',
  dialect: 'bedrock.invoke',
  mount: '/bedrock',
  path: '/model/invoke-model%3A0/invoke',
  model: 'invoke-model:0',
  target: INVOKE,
  provider: 'invoke',
  kind: 'bedrock',
  base: '',
  upstream: `/model/${encodeURIComponent(INVOKE)}/invoke`,
  headers: {},
  body: (more = '') => `{${INVOKES}${more}}`,
  sent: (more = '') => `{${INVOKES}${more}}`,
  answer: anthropicAnswer({ texts: ['Good day.'] }),
  fields: new Set([...FIELDS, 'authorization']),
}

const MISTRAL: Door = {
  ...OPENAI,
  title: 'openai.chat at Mistral',
  mount: '/mistral',
  path: '/v1/chat/completions',
  model: 'mistral-model',
  target: 'mistral-small-latest',
  provider: 'mistral',
  kind: 'mistral',
  base: '/mistral/v1',
  upstream: '/mistral/v1/chat/completions',
  body: () => `{"model":"mistral-model",${SAYS}}`,
  sent: () => `{"model":"mistral-small-latest",${SAYS}}`,
}

const AZURE: Door = {
  ...OPENAI,
  title: 'openai.chat at Azure',
  mount: '/azure',
  path: '/openai/v1/chat/completions',
  model: 'azure-model',
  target: 'deployment-1',
  provider: 'azure',
  kind: 'azure',
  base: '/azure/openai/v1',
  upstream: '/azure/openai/v1/chat/completions',
  body: () => `{"model":"azure-model",${SAYS}}`,
  sent: () => `{"model":"deployment-1",${SAYS}}`,
  fields: new Set([...FIELDS, 'api-key']),
}

const COUNT: Door = {
  ...ANTHROPIC,
  title: 'anthropic.messages, counting',
  path: '/v1/messages/count_tokens',
  model: 'count-model',
  target: 'claude-haiku-4-5',
  provider: 'count',
  upstream: '/v1/messages/count_tokens',
  body: () => `{"model":"count-model",${SAYS}}`,
  sent: () => `{"model":"claude-haiku-4-5",${SAYS}}`,
  answer: { input_tokens: 9 },
}

/** One door of each dialect: a campaign goes through them. */
export const DOORS: readonly Door[] = [OPENAI, ANTHROPIC, BEDROCK_CONVERSE, BEDROCK_INVOKE]

/** Every mount, and another operation: the columns of the tables. */
export const ALL_DOORS: readonly Door[] = [...DOORS, MISTRAL, AZURE, COUNT]

export const addressOf = (door: Door): string => door.mount + door.path
