import type { Codec } from '../../core/port.ts'
import { ID_HEADER, refuseCall } from '../bedrock-converse/refuse.ts'
import { operationOf } from '../model-id.ts'
import { decodeAnswer } from './decode.ts'
import { encodeAnswer } from './encode.ts'
import { readCall, STREAM } from './read.ts'
import { writeCall } from './write.ts'

const INVOKE: ReadonlySet<string | null> = new Set(['invoke', STREAM])

const ANTHROPIC_ID = 'request-id'

/** Amazon Bedrock InvokeModel and InvokeModelWithResponseStream for Anthropic's models. Stateless: decoders and encoders live as long as one answer. */
export const bedrockInvoke: Codec = {
  dialect: 'bedrock.invoke',
  operation: 'chat',
  // The AWS SDKs look in the first, Anthropic's Bedrock client in the second.
  idHeaders: [ID_HEADER, ANTHROPIC_ID],
  matches: (method, path) => method === 'POST' && INVOKE.has(operationOf(path)),
  read: readCall,
  write: writeCall,
  decode: decodeAnswer,
  encode: encodeAnswer,
  refuse: (id, error) => {
    const reply = refuseCall(id, error)
    return { ...reply, headers: { ...reply.headers, [ANTHROPIC_ID]: id } }
  },
}
