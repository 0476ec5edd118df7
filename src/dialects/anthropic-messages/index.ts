import type { Codec } from '../../core/port.ts'
import { decodeAnswer, decodeCount } from './decode.ts'
import { encodeAnswer } from './encode.ts'
import { readCall, readCount } from './read.ts'
import { refuseCall } from './refuse.ts'
import { writeCall } from './write.ts'

/** Anthropic Messages, whole and streamed. Stateless: decoders and encoders live as long as one answer. */
export const anthropicMessages: Codec = {
  dialect: 'anthropic.messages',
  operation: 'chat',
  idHeaders: ['request-id'],
  matches: (method, path) => method === 'POST' && path === '/v1/messages',
  read: readCall,
  write: writeCall,
  decode: decodeAnswer,
  encode: encodeAnswer,
  refuse: refuseCall,
}

/** How many tokens a call would be: the same text goes to the provider, so the same is read. */
export const anthropicCountTokens: Codec = {
  ...anthropicMessages,
  operation: 'count_tokens',
  matches: (method, path) => method === 'POST' && path === '/v1/messages/count_tokens',
  read: readCount,
  decode: decodeCount,
}
