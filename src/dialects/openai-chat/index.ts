import type { Codec } from '../../core/port.ts'
import { decodeAnswer } from './decode.ts'
import { encodeAnswer } from './encode.ts'
import { readCall } from './read.ts'
import { refuseCall } from './refuse.ts'
import { writeCall } from './write.ts'

/** OpenAI Chat Completions, whole and streamed. Stateless: decoders and encoders live as long as one answer. */
export const openaiChat: Codec = {
  dialect: 'openai.chat',
  operation: 'chat',
  idHeaders: ['x-request-id'],
  matches: (method, path) => method === 'POST' && path === '/chat/completions',
  read: readCall,
  write: writeCall,
  decode: decodeAnswer,
  encode: encodeAnswer,
  refuse: refuseCall,
}
