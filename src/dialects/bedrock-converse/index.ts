import type { Codec } from '../../core/port.ts'
import { operationOf } from '../model-id.ts'
import { readCount, writeCount } from './count.ts'
import { decodeAnswer, decodeCount } from './decode.ts'
import { encodeAnswer } from './encode.ts'
import { readCall } from './read.ts'
import { ID_HEADER, refuseCall } from './refuse.ts'
import { writeCall } from './write.ts'

const CONVERSE: ReadonlySet<string | null> = new Set(['converse', 'converse-stream'])

/** Amazon Bedrock Converse and ConverseStream. Stateless: decoders and encoders live as long as one answer. */
export const bedrockConverse: Codec = {
  dialect: 'bedrock.converse',
  operation: 'chat',
  idHeaders: [ID_HEADER],
  matches: (method, path) => method === 'POST' && CONVERSE.has(operationOf(path)),
  read: readCall,
  write: writeCall,
  decode: decodeAnswer,
  encode: encodeAnswer,
  refuse: refuseCall,
}

/** Amazon Bedrock CountTokens, for what Converse would be asked. */
export const bedrockCountTokens: Codec = {
  dialect: 'bedrock.converse',
  operation: 'count_tokens',
  idHeaders: [ID_HEADER],
  matches: (method, path) => method === 'POST' && operationOf(path) === 'count-tokens',
  read: readCount,
  write: writeCount,
  decode: decodeCount,
  encode: encodeAnswer,
  refuse: refuseCall,
}
