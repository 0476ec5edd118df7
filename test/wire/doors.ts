import type { Dialect } from '../../src/core/call.ts'
import { openaiAnswer } from '../kit/index.ts'

/** One way into the gateway: a dialect, the path of its calls, and what a call and its answer look like there. */
export type Door = Readonly<{
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
  /** Path below the upstream's origin to which calls must go, and to nothing else. */
  upstream: string
  /** A good call's body; `more` are members besides, as JSON text with a comma before it. */
  body(more?: string): string
  /** What must have been sent for {@link body}: the same members, the model's name put in where the dialect has it in the body. */
  sent(more?: string): string
  /** The provider's whole answer. */
  answer: unknown
  /** Header fields that may stand in what is sent, besides those of the transport; lower-case. */
  fields: ReadonlySet<string>
}>

const FIELDS = ['content-type', 'accept', 'accept-encoding', 'authorization']

export const OPENAI: Door = {
  dialect: 'openai.chat',
  mount: '/openai/v1',
  path: '/chat/completions',
  model: 'chat-model',
  target: 'gpt-4o',
  provider: 'openai',
  kind: 'openai',
  upstream: '/v1/chat/completions',
  body: (more = '') => `{"model":"chat-model","messages":[{"role":"user","content":"hello"}]${more}}`,
  sent: (more = '') => `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]${more}}`,
  answer: openaiAnswer({ texts: ['Good day.'] }),
  fields: new Set(FIELDS),
}

/** Every door there is: the columns of the tables. */
export const DOORS: readonly Door[] = [OPENAI]

export const addressOf = (door: Door): string => door.mount + door.path
