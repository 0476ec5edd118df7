import type { Codec } from '../../core/port.ts'
import { ID_HEADER, refuseCall } from '../bedrock-converse/refuse.ts'
import { operationOf } from '../model-id.ts'
import { decodeAnswer } from './decode.ts'
import { encodeAnswer } from './encode.ts'
import { readCall, STREAM } from './read.ts'
import { writeCall } from './write.ts'

const INVOKE: ReadonlySet<string | null> = new Set(['invoke', STREAM])

/** Amazon Bedrock InvokeModel and InvokeModelWithResponseStream for Anthropic's models. Stateless: decoders and encoders live as long as one answer. */
export const bedrockInvoke: Codec = {
  dialect: 'bedrock.invoke',
  operation: 'chat',
  idHeader: ID_HEADER,
  matches: (method, path) => method === 'POST' && INVOKE.has(operationOf(path)),
  read: readCall,
  write: writeCall,
  decode: decodeAnswer,
  encode: encodeAnswer,
  refuse: refuseCall,
}
