import {
  BedrockRuntimeClient,
  type ContentBlock,
  ConverseCommand,
  type ConverseRequest,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { type Ask, type Driver, type Fault, type Raised, TOOL } from './driver.ts'

/** The AWS SDK for JavaScript as a driver: Converse, and InvokeModel with the bodies of Anthropic's models. */

/** A pair, as `customhouse keys aws` gives it. */
export type Pair = Readonly<{ accessKeyId: string; secretAccessKey: string }>

export type How = Readonly<{
  /** `default` is HTTP/2: with prior knowledge to http://, by ALPN to https://. */
  transport?: 'default' | 'HTTP/1.1'
  /** Signs with the pair of a key; without it the key itself is the bearer token. */
  pairOf?: (key: string) => Pair
}>

type Asked = Pick<Ask, 'key' | 'baseURL' | 'calls' | 'retries' | 'headers' | 'case'>

export function awsClient(ask: Asked, { transport = 'default', pairOf }: How = {}): BedrockRuntimeClient {
  const client = new BedrockRuntimeClient({
    region: 'eu-central-1',
    endpoint: ask.baseURL,
    maxAttempts: ask.retries + 1,
    ...(pairOf === undefined
      ? { token: { token: ask.key }, authSchemePreference: ['httpBearerAuth'] }
      : { credentials: pairOf(ask.key), authSchemePreference: ['sigv4'] }),
    ...(transport === 'default' ? {} : { requestHandler: new NodeHttpHandler() }),
  })
  watch(client, ask)
  return client
}

/** Adds what the row wants to be sent, before the call is signed, and keeps what came back for each attempt. */
export function watch(client: BedrockRuntimeClient, ask: Pick<Ask, 'calls' | 'headers' | 'case'>): void {
  const added = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
  client.middlewareStack.add(
    (next) => async (args) => {
      Object.assign(headersIn(args.request), added)
      return next(args)
    },
    { step: 'build', name: 'testHeaders' },
  )
  client.middlewareStack.add(
    (next) => async (args) => {
      const entry: Ask['calls'][number] = { status: 0, call: null, requestId: null, at: performance.now() }
      ask.calls.push(entry)
      const result = await next(args)
      const headers = headersIn(result.response)
      entry.status = Number(Reflect.get(Object(result.response), 'statusCode'))
      entry.call = headers['x-customhouse-call'] ?? null
      entry.requestId = headers['x-amzn-requestid'] ?? null
      return result
    },
    // Nearest to the handler: once for each attempt.
    { step: 'deserialize', priority: 'low', name: 'testCount' },
  )
}

function headersIn(message: unknown): Record<string, string> {
  const headers: unknown = Reflect.get(Object(message), 'headers')
  if (typeof headers !== 'object' || headers === null) throw new Error('a message of the SDK has no headers')
  return headers as Record<string, string>
}

/** What only the SDK's own types forbid: a JSON value of any shape, where Smithy has its document type. */
type Document = NonNullable<ContentBlock.ToolUseMember['toolUse']['input']>
const document = (text: string): Document => JSON.parse(text) as Document

function converseInput({ model, say, tool, toolResult }: Ask): ConverseRequest {
  const messages: NonNullable<ConverseRequest['messages']> = [{ role: 'user', content: [{ text: say }] }]
  if (toolResult !== undefined) {
    const { id: toolUseId, arguments: given, result } = toolResult
    messages.push({ role: 'assistant', content: [{ toolUse: { toolUseId, name: TOOL.name, input: document(given) } }] })
    messages.push({ role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: result }] } }] })
  }
  const { name, description, parameters } = TOOL
  const inputSchema = { json: document(JSON.stringify(parameters)) }
  return {
    modelId: model,
    messages,
    ...(tool === true ? { toolConfig: { tools: [{ toolSpec: { name, description, inputSchema } }] } } : {}),
  }
}

/** Converse and ConverseStream. */
export function converseDriver(how: How = {}): Driver {
  return async (ask) => {
    const client = awsClient(ask, how)
    try {
      return await converse(client, ask)
    } finally {
      client.destroy()
    }
  }
}

async function converse(client: BedrockRuntimeClient, ask: Ask): ReturnType<Driver> {
  const options = ask.signal === undefined ? {} : { abortSignal: ask.signal }
  if (!ask.streamed) {
    const { output, stopReason, usage } = await client.send(new ConverseCommand(converseInput(ask)), options)
    const content = output?.message?.content ?? []
    return {
      text: content.map(({ text }) => text ?? '').join(''),
      tools: content.flatMap(({ toolUse }) =>
        toolUse === undefined
          ? []
          : [{ id: toolUse.toolUseId ?? '', name: toolUse.name ?? '', arguments: toolUse.input }],
      ),
      finish: stopReason ?? null,
      tokens: usage?.totalTokens,
    }
  }
  let text = ''
  let finish: string | null = null
  let tokens: number | undefined
  const calls: { id: string; name: string; json: string }[] = []
  const { stream } = await client.send(new ConverseStreamCommand(converseInput(ask)), options)
  for await (const { contentBlockStart, contentBlockDelta, messageStop, metadata } of stream ?? []) {
    const started = contentBlockStart?.start?.toolUse
    if (started !== undefined) calls.push({ id: started.toolUseId ?? '', name: started.name ?? '', json: '' })
    const last = calls.at(-1)
    if (last !== undefined) last.json += contentBlockDelta?.delta?.toolUse?.input ?? ''
    const piece = contentBlockDelta?.delta?.text ?? ''
    text += piece
    if (piece !== '') ask.onText?.(piece)
    finish = messageStop?.stopReason ?? finish
    tokens = metadata?.usage?.totalTokens ?? tokens
  }
  const tools = calls.map(({ id, name, json }) => ({ id, name, arguments: JSON.parse(json) as unknown }))
  return { text, tools, finish, tokens }
}

/** An answer of an Anthropic model, and what its stream's events have besides. */
type Spoken = Readonly<{
  type: string
  content: readonly Readonly<{ type: string; text?: string; id?: string; name?: string; input?: unknown }>[]
  stop_reason: string | null
  usage?: Readonly<{ input_tokens?: number; output_tokens?: number }>
  message: Spoken
  content_block: Spoken['content'][number]
  delta: Readonly<{ text?: string; partial_json?: string; stop_reason?: string }>
}>

function invokeInput({ model, say, tool, toolResult }: Ask) {
  const messages: unknown[] = [{ role: 'user', content: say }]
  if (toolResult !== undefined) {
    const { id, arguments: given, result } = toolResult
    messages.push({ role: 'assistant', content: [{ type: 'tool_use', id, name: TOOL.name, input: document(given) }] })
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] })
  }
  const { name, description, parameters } = TOOL
  const tools = tool === true ? { tools: [{ name, description, input_schema: parameters }] } : {}
  const body = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 100, messages, ...tools }
  return { modelId: model, contentType: 'application/json', body: JSON.stringify(body) }
}

/** InvokeModel and InvokeModelWithResponseStream. */
export function invokeDriver(how: How = {}): Driver {
  return async (ask) => {
    const client = awsClient(ask, how)
    try {
      return await invoke(client, ask)
    } finally {
      client.destroy()
    }
  }
}

async function invoke(client: BedrockRuntimeClient, ask: Ask): ReturnType<Driver> {
  const options = ask.signal === undefined ? {} : { abortSignal: ask.signal }
  if (!ask.streamed) {
    const { body } = await client.send(new InvokeModelCommand(invokeInput(ask)), options)
    const { content, stop_reason, usage } = JSON.parse(body.transformToString()) as Spoken
    return {
      text: content.map(({ text }) => text ?? '').join(''),
      tools: content
        .filter(({ type }) => type === 'tool_use')
        .map(({ id = '', name = '', input }) => ({ id, name, arguments: input })),
      finish: stop_reason,
      tokens: (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0),
    }
  }
  let text = ''
  let finish: string | null = null
  let [input, output] = [0, 0]
  const calls: { id: string; name: string; json: string }[] = []
  const { body } = await client.send(new InvokeModelWithResponseStreamCommand(invokeInput(ask)), options)
  for await (const { chunk } of body ?? []) {
    const event = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()) as Spoken
    if (event.type === 'message_start') input = event.message.usage?.input_tokens ?? 0
    else if (event.type === 'content_block_start' && event.content_block.type === 'tool_use') {
      calls.push({ id: event.content_block.id ?? '', name: event.content_block.name ?? '', json: '' })
    } else if (event.type === 'content_block_delta') {
      const { text: piece = '', partial_json = '' } = event.delta
      text += piece
      if (piece !== '') ask.onText?.(piece)
      const last = calls.at(-1)
      if (last !== undefined) last.json += partial_json
    } else if (event.type === 'message_delta') {
      finish = event.delta.stop_reason ?? finish
      output = event.usage?.output_tokens ?? output
    }
  }
  const tools = calls.map(({ id, name, json }) => ({ id, name, arguments: JSON.parse(json) as unknown }))
  return { text, tools, finish, tokens: input + output }
}

/** Classes of the AWS SDK; in mid-stream only those that are members of a Bedrock stream. */
export const AWS_RAISED: Record<Fault, Raised> = {
  denied: { class: 'AccessDeniedException', name: 'AccessDeniedException', $fault: 'client' },
  // Not in Bedrock's model, so of no class of their own.
  'wrong key': { class: 'BedrockRuntimeServiceException', name: 'UnrecognizedClientException' },
  'unknown model': { class: 'ResourceNotFoundException', name: 'ResourceNotFoundException' },
  malformed: { class: 'ValidationException', name: 'ValidationException' },
  'rate limited': { class: 'ThrottlingException', name: 'ThrottlingException' },
  quota: { class: 'ThrottlingException', name: 'ThrottlingException' },
  'provider 500': { class: 'InternalServerException', name: 'InternalServerException', $fault: 'server' },
  'hang-up': { class: 'ServiceUnavailableException', name: 'ServiceUnavailableException' },
  'broken answer': { class: 'ServiceUnavailableException', name: 'ServiceUnavailableException' },
  'broken stream': { class: 'ValidationException', name: 'ValidationException' },
  'fault in the stream': { class: 'ModelStreamErrorException', name: 'ModelStreamErrorException' },
  'cut off': { class: 'ValidationException', name: 'ValidationException' },
  'answer denied': { class: 'AccessDeniedException', name: 'AccessDeniedException' },
}
