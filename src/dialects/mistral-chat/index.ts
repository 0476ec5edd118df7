import type { Codec } from '../../core/port.ts'
import { openaiChat } from '../openai-chat/index.ts'
import { forOpenai } from '../openai-chat/variants.ts'
import { writeCall } from '../openai-chat/write.ts'
import { encodeAnswer } from './encode.ts'
import { refuseCall } from './refuse.ts'

/** Chat completions as clients of Mistral ask for them. Calls are those of openai.chat; answers and errors are in Mistral's own shape. */
export const mistralChat: Codec = {
  ...openaiChat,
  idHeaders: ['mistral-correlation-id'],
  matches: (method, path) => method === 'POST' && path === '/v1/chat/completions',
  write: (call, target, edits, assign) => writeCall(call, target, edits, assign, forOpenai),
  encode: encodeAnswer,
  refuse: refuseCall,
}
