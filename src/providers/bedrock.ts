import type { Provider } from '../core/port.ts'
import { exceptionOf } from '../dialects/bedrock-converse/exceptions.ts'
import { createAdapter, type ProviderOptions } from './adapter.ts'
import { AwsChain } from './chain.ts'
import { bearer, type Prove, secretProof, word } from './credential.ts'
import { ANSWER, type AnswerFields, COUNT, ID, REQUEST } from './headers.ts'
import type { Base } from './pool.ts'
import { signed } from './sigv4.ts'

export type BedrockOptions = ProviderOptions &
  Readonly<{
    /** Of AWS; calls are signed for it. */
    region: string
    /** Whether a tenant without a secret of its own is signed for with what AWS's chain finds. */
    aws: boolean
  }>

/**
 * Plain segments, and of percent-encoding what ids of models and ARNs need: `%3A` and `%2F`, in capitals, one level. Whatever stands
 * between two of `/` and `%2F` is neither empty nor begins with a dot, so that decoding it makes no other path of it.
 */
const PATH = /^(?:(?:\/|(?!^)%2F)[A-Za-z0-9_~:@-](?:[A-Za-z0-9._~:@-]|%3A)*)+$/

const FIELDS: AnswerFields = [
  ...ANSWER,
  [/^x-amzn-requestid$/, ID],
  // Often with an address of the documentation behind it, which is left off.
  [/^x-amzn-errortype$/, (value) => exceptionOf(value) ?? undefined],
  [/^x-amz-retry-after$/, COUNT],
  [/^x-amzn-bedrock-(?:cache-read-input|cache-write-input|input|output)-token-count$/, COUNT],
  [/^x-amzn-bedrock-invocation-latency$/, COUNT],
]

/**
 * Amazon Bedrock's runtime (base URL `https://bedrock-runtime.<region>.amazonaws.com`). A secret is a Bedrock API key and goes as a bearer token; with
 * `aws` the call is signed (Signature Version 4, service `bedrock`). Source: the Bedrock API reference, AWS's IAM guide on signing.
 */
export function createBedrock(options: BedrockOptions): Provider {
  return createAdapter(
    {
      dialects: ['bedrock.converse', 'bedrock.invoke'],
      path: PATH,
      request: new Set(REQUEST),
      answer: FIELDS,
      prove: (base) => (options.aws ? signing(base, options) : secretProof(options.name, options.credential, bearer)),
    },
    options,
  )
}

function signing(base: Base, { name, region, credential, timeouts }: BedrockOptions): Prove {
  const chain = new AwsChain(name, timeouts.firstByteMs)
  return async (call) => {
    const secret = credential?.(call.tenant)
    if (secret !== undefined) return bearer(word(name, secret))
    return signed(await chain.credentials(call.signal), { ...call, host: base.host, region, at: new Date() })
  }
}
