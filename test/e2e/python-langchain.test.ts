import { afterAll, beforeAll, describe, test } from 'vitest'
import { anthropicVoice } from './anthropic-voice.ts'
import { converseVoice } from './bedrock-voice.ts'
import type { Fault, Raised } from './driver.ts'
import { type Client, chatBody, driverOf, ELSEWHERE, leaves, type Python, python, startPython } from './python.ts'
import { run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { table } from './table.ts'
import { listenTls } from './transport.ts'
import { openaiVoice, type Voice } from './voice.ts'

/** LangChain's own subclasses of what the SDKs raise. In mid-stream the SDKs' own come through. */
const OPENAI: Record<Fault, Raised> = {
  denied: { class: 'OpenAIPermissionDeniedError', status_code: 403, code: 'policy_denied' },
  'wrong key': { class: 'OpenAIAuthenticationError', status_code: 401 },
  'unknown model': { class: 'OpenAIModelNotFoundError', status_code: 404 },
  malformed: { class: 'OpenAIInvalidRequestError', status_code: 400 },
  'rate limited': { class: 'OpenAIRateLimitError', status_code: 429 },
  quota: { class: 'OpenAIRateLimitError', status_code: 429 },
  'provider 500': { class: 'OpenAIAPIError', status_code: 500 },
  'hang-up': { class: 'OpenAIAPIError', status_code: 502 },
  'broken answer': { class: 'OpenAIAPIError', status_code: 502 },
  'broken stream': { class: 'APIError', code: 'provider_truncated' },
  'fault in the stream': { class: 'APIError', code: 'engine_overloaded' },
  'cut off': { class: 'APIError', code: 'policy_denied' },
  'answer denied': { class: 'OpenAIPermissionDeniedError', status_code: 403 },
}
const ANTHROPIC: Record<Fault, Raised> = {
  denied: { class: 'AnthropicPermissionDeniedError', status_code: 403, type: 'permission_error' },
  'wrong key': { class: 'AnthropicAuthenticationError', status_code: 401 },
  'unknown model': { class: 'AnthropicModelNotFoundError', status_code: 404 },
  malformed: { class: 'AnthropicInvalidRequestError', status_code: 400 },
  'rate limited': { class: 'AnthropicRateLimitError', status_code: 429 },
  quota: { class: 'AnthropicRateLimitError', status_code: 429 },
  'provider 500': { class: 'AnthropicAPIError', status_code: 500 },
  'hang-up': { class: 'AnthropicAPIError', status_code: 502 },
  'broken answer': { class: 'AnthropicAPIError', status_code: 502 },
  'broken stream': { class: 'APIStatusError', type: 'api_error' },
  'fault in the stream': { class: 'APIStatusError', type: 'overloaded_error' },
  'cut off': { class: 'APIStatusError', type: 'permission_error' },
  'answer denied': { class: 'AnthropicPermissionDeniedError', status_code: 403 },
}
const AWS: Record<Fault, Raised> = {
  denied: { class: 'AccessDeniedException', status_code: 403 },
  'wrong key': { class: 'ClientError', status_code: 401, code: 'UnrecognizedClientException' },
  'unknown model': { class: 'ResourceNotFoundException', status_code: 404 },
  malformed: { class: 'ValidationException', status_code: 400 },
  'rate limited': { class: 'ThrottlingException', status_code: 429 },
  quota: { class: 'ThrottlingException', status_code: 429 },
  'provider 500': { class: 'InternalServerException', status_code: 500 },
  'hang-up': { class: 'ServiceUnavailableException', status_code: 502 },
  'broken answer': { class: 'ServiceUnavailableException', status_code: 502 },
  'broken stream': { class: 'EventStreamError', code: 'validationException' },
  'fault in the stream': { class: 'EventStreamError', code: 'modelStreamErrorException' },
  'cut off': { class: 'EventStreamError', code: 'validationException' },
  'answer denied': { class: 'AccessDeniedException', status_code: 403 },
}

type Way = Readonly<{
  client: Client
  voice: Voice
  raised: Record<Fault, Raised>
  tls: boolean
  /** Every row, or what shows that another way carries it as well. */
  all: boolean
}>
// LangChain writes the arguments of a call anew.
const spaced: Voice = {
  ...openaiVoice,
  returns: ['"tool_call_id":"call_1"', 'It rains in Bern.', '"{\\"city\\": \\"Bern\\"}"'],
}
/** boto3, below ChatBedrockConverse, sends a bearer token over TLS alone. */
const WAYS: readonly Way[] = [
  { client: 'langchain.openai', voice: spaced, raised: OPENAI, tls: false, all: true },
  { client: 'langchain.openai', voice: spaced, raised: OPENAI, tls: true, all: false },
  { client: 'langchain.anthropic', voice: anthropicVoice, raised: ANTHROPIC, tls: false, all: true },
  { client: 'langchain.anthropic', voice: anthropicVoice, raised: ANTHROPIC, tls: true, all: false },
  { client: 'langchain.bedrock', voice: converseVoice, raised: AWS, tls: true, all: true },
]

describe.skipIf(python === null).each(WAYS)('$client for Python, TLS: $tls', ({ client, voice, raised, tls, all }) => {
  let listening: ReturnType<typeof listenTls> | null = null
  const manner = { client, body: chatBody }
  let here: { python: Python; scene: Scene }
  beforeAll(async () => {
    listening = tls ? listenTls() : null
    const scene = await startScene(voice, listening === null ? {} : { listen: listening.listen })
    here = { scene, python: startPython(listening?.file) }
  })
  afterAll(async () => {
    here?.python.stop()
    await here?.scene.close()
    listening?.remove()
  })

  describe.each([
    { streamed: false, how: 'whole' },
    { streamed: true, how: 'streamed' },
  ])('$how', ({ streamed }) => {
    test.each(table(streamed, voice).filter(({ name }) => all || ELSEWHERE.has(name)))('$name', async (asked) => {
      // Of an Anthropic stream LangChain counts what `message_delta` says, which here are the tokens of the output.
      const half = streamed && client === 'langchain.anthropic' && asked.heard?.tokens !== undefined
      const row = half ? { ...asked, heard: { ...asked.heard, tokens: 9 } } : asked
      await run(
        here.scene,
        driverOf(() => here, manner),
        row,
        streamed,
        raised,
      )
    })
  })

  test('the client leaves in mid-stream', async () => {
    await leaves(here.python, here.scene, manner)
  })
})
