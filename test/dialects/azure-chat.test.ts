import { AzureChatOpenAI } from '@langchain/openai'
import OpenAI, { APIError, AzureOpenAI, BadRequestError, PermissionDeniedError } from 'openai'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { azureChat } from '../../src/dialects/azure-chat/index.ts'
import { chatRecordings, chunk, inbound, message, sse, TARGET } from './calls.ts'
import { ID, type PassageOptions, passage } from './openai-chat.passage.ts'

const SSE = 'text/event-stream'
const WHOLE = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'model-1',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', refusal: null }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
})
const PROMPT_FILTER = {
  choices: [],
  created: 0,
  id: '',
  model: '',
  object: '',
  prompt_filter_results: [{ prompt_index: 0 }],
}
const STREAM = sse(
  PROMPT_FILTER,
  chunk({ role: 'assistant', content: 'Hel' }),
  chunk({ content: 'lo' }),
  chunk({}, { finish_reason: 'stop' }),
  { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
  '[DONE]',
)
const CLASSIC = '/openai/deployments/dep/chat/completions'
const V1 = '/openai/v1/chat/completions'
const DATED = 'api-version=2024-10-21'

function read(path: string, query: string, body: unknown = { messages: [message] }) {
  return azureChat.read({ ...inbound(body, {}, query), path })
}

describe('paths', () => {
  it.each<[string, string, boolean]>([
    ['POST', V1, true],
    ['POST', CLASSIC, true],
    ['POST', '/openai/deployments/gpt-4o%2Emini/chat/completions', true],
    ['GET', CLASSIC, false],
    ['POST', '/openai/deployments//chat/completions', false],
    ['POST', '/openai/deployments/a/b/chat/completions', false],
    ['POST', '/openai/deployments/a/completions', false],
    ['POST', `${CLASSIC}/`, false],
    ['POST', '/openai/deployments/dep/extensions/chat/completions', false],
    ['POST', '/openai/v1/responses', false],
    ['POST', '/openai/chat/completions', false],
    ['POST', '/OpenAI/v1/chat/completions', false],
  ])('%s %s: %s', (method, path, expected) => {
    expect(azureChat.matches(method, path)).toBe(expected)
  })

  it.each([
    ['dep', 'dep'],
    ['gpt-4o%2Emini', 'gpt-4o.mini'],
    ['%67pt', 'gpt'],
    ['a%3Ab', 'a:b'],
    ['a:b', 'a:b'],
    ['org%2Fmodel', 'org/model'],
  ])('the deployment %s is the model %s', (segment, model) => {
    const call = read(`/openai/deployments/${segment}/chat/completions`, DATED)
    expect(call.model).toBe(model)
    expect(call.segments.filter(({ pointer }) => pointer === '/model').map(({ text }) => text)).toEqual([model])
  })

  it.each([['%zz'], ['%'], ['%c3%28'], ['%2564ep'], ['%00'], ['a%20b'], ['%C3%A4'], ['a%0d%0ab'], ['a'.repeat(129)]])(
    'the deployment %s is refused',
    (segment) => {
      expect(() => read(`/openai/deployments/${segment}/chat/completions`, DATED)).toThrow(
        expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }),
      )
    },
  )
})

describe('queries', () => {
  it.each<[string, string, boolean]>([
    [CLASSIC, DATED, true],
    [CLASSIC, 'api-version=2025-04-01-preview', true],
    [CLASSIC, '', false],
    [CLASSIC, 'api-version=preview', false],
    [CLASSIC, 'api-version=', false],
    [CLASSIC, 'api-version=2024-10-21-PREVIEW', false],
    [CLASSIC, 'api-version=2024-10-21&api-version=2024-10-21', false],
    [CLASSIC, `${DATED}&x=1`, false],
    [CLASSIC, 'api%2Dversion=2024-10-21', false],
    [CLASSIC, 'Api-Version=2024-10-21', false],
    [V1, '', true],
    [V1, 'api-version=preview', true],
    [V1, 'api-version=latest', true],
    [V1, 'api-version=v1', true],
    [CLASSIC, 'api-version=v1', false],
    [V1, DATED, true],
    [V1, 'api-version=next', false],
    [V1, 'x=1', false],
  ])('%s?%s: %s', (path, query, taken) => {
    const attempt = () => read(path, query, { model: 'dep', messages: [message] })
    if (taken) expect(attempt().model).toBe('dep')
    else expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_CALL_UNSUPPORTED' }))
  })
})

describe("the body's model", () => {
  it.each<[string, unknown]>([
    ['another', 'gpt-3.5-turbo'],
    ['the same', 'dep'],
    ['none', undefined],
    ['null', null],
    ['empty', ''],
  ])('%s: the deployment is judged, and what is sent names the target', (_, model) => {
    const call = read(CLASSIC, DATED, { ...(model === undefined ? {} : { model }), messages: [message] })
    expect(call).toMatchObject({ dialect: 'openai.chat', model: 'dep' })
    expect(call.segments.map(({ text }) => text)).not.toContain('gpt-3.5-turbo')
    const sent: unknown = JSON.parse(Buffer.from(azureChat.write(call, TARGET, [], []).body).toString())
    expect(sent).toEqual({ model: TARGET.model, messages: [message] })
  })

  it.each([[1], [{}], [['dep']], [true]])('%j is refused', (model) => {
    expect(() => read(CLASSIC, DATED, { model, messages: [message] })).toThrow('/model')
  })

  it('of the v1 API is the deployment', () => {
    expect(read(V1, '', { model: 'dep', messages: [message] }).model).toBe('dep')
    expect(() => read(V1, '')).toThrow('/model')
  })
})

describe.each<[string, (fetch: typeof globalThis.fetch) => OpenAI]>([
  [
    'AzureOpenAI, classic',
    (fetch) =>
      new AzureOpenAI({
        endpoint: 'http://gateway.invalid/azure',
        apiKey: 'k',
        apiVersion: '2024-10-21',
        deployment: 'dep',
        fetch,
        maxRetries: 2,
      }),
  ],
  [
    'OpenAI at the v1 API',
    (fetch) => new OpenAI({ baseURL: 'http://gateway.invalid/azure/openai/v1/', apiKey: 'k', fetch, maxRetries: 2 }),
  ],
])('%s', (name, open) => {
  const start = (options: Omit<PassageOptions, 'codec' | 'prefix'>) => {
    const { fetch, passed } = passage({ codec: azureChat, prefix: '/azure', ...options })
    return { passed, ask: open(fetch).chat.completions }
  }
  const question = {
    model: name.startsWith('Azure') ? 'gpt-3.5-turbo' : 'dep',
    messages: [{ role: 'user' as const, content: 'hello' }],
  }

  it('whole', async () => {
    const { ask, passed } = start({ kind: 'azure', said: { body: WHOLE } })
    const { data, request_id } = await ask.create(question).withResponse()
    expect(data.choices[0]?.message.content).toBe('Hello')
    expect(request_id).toBe(ID)
    expect(passed).toMatchObject([{ call: { model: 'dep' }, sent: { model: 'model-1', messages: [message] } }])
    expect(passed[0]?.headers.get(name.startsWith('Azure') ? 'api-key' : 'authorization')).toMatch(/k$/)
  })

  it('streamed, with the filter of the prompt first', async () => {
    const { ask, passed } = start({ kind: 'azure', said: { type: SSE, body: STREAM } })
    const got: (string | null | undefined)[] = []
    for await (const piece of await ask.create({ ...question, stream: true })) got.push(piece.choices[0]?.delta.content)
    expect(got).toEqual([undefined, 'Hel', 'lo', undefined])
    expect(passed).toMatchObject([{ sent: { stream_options: { include_usage: true } } }])
  })

  it('denied: 403, asked once', async () => {
    const denied = new CustomhouseError('ERR_POLICY_DENIED', 'not from here')
    const { ask, passed } = start({ denied, said: { body: WHOLE } })
    const raised = await ask.create(question).catch((error: unknown) => error)
    expect(raised).toBeInstanceOf(PermissionDeniedError)
    expect(raised).toMatchObject({ status: 403, code: 'policy_denied', requestID: ID })
    expect(raised instanceof APIError && raised.headers?.get('apim-request-id')).toBe(ID)
    expect(passed).toHaveLength(1)
  })

  it('cut off: raised', async () => {
    const cut = { after: 2, error: new CustomhouseError('ERR_POLICY_DENIED', 'no further') }
    const { ask } = start({ cut, said: { type: SSE, body: STREAM } })
    const got: unknown[] = []
    const stream = await ask.create({ ...question, stream: true })
    const reading = (async () => {
      for await (const piece of stream) got.push(piece.choices[0]?.delta.content)
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'policy_denied',
      message: expect.stringContaining('no further'),
    })
    expect(got).toEqual([undefined, 'Hel'])
  })

  it("the content filter's 400 is the SDK's own", async () => {
    const body = JSON.stringify({
      error: { message: 'filtered', type: null, param: 'prompt', code: 'content_filter', innererror: { code: 'R' } },
    })
    const { ask } = start({ kind: 'azure', said: { status: 400, body } })
    const raised = await ask.create(question).catch((error: unknown) => error)
    expect(raised).toBeInstanceOf(BadRequestError)
    expect(raised).toMatchObject({ code: 'content_filter', param: 'prompt', error: { innererror: { code: 'R' } } })
  })
})

it('AzureChatOpenAI of LangChain: the deployment is what is asked for', async () => {
  const { fetch, passed } = passage({ codec: azureChat, prefix: '/azure', kind: 'azure', said: { body: WHOLE } })
  const model = new AzureChatOpenAI({
    azureOpenAIApiKey: 'k',
    azureOpenAIApiDeploymentName: 'dep',
    azureOpenAIApiVersion: '2024-10-21',
    azureOpenAIEndpoint: 'http://gateway.invalid/azure',
    configuration: { fetch },
  })
  expect((await model.invoke('hello')).content).toBe('Hello')
  expect(passed).toMatchObject([{ call: { model: 'dep' }, sent: { model: 'model-1' } }])
})

describe('recordings', () => {
  const all = chatRecordings('azure')
  it.skipIf(all === null)('every recorded request is taken where it was sent (skipped without fixtures)', () => {
    for (const { file, request } of all ?? []) {
      const { pathname, search } = new URL(request.url)
      expect(azureChat.matches('POST', pathname), file).toBe(true)
      const call = azureChat.read({ ...inbound(request.body, {}, search.slice(1)), path: pathname })
      expect(pathname, file).toContain(`/${call.model}/`)
    }
    expect(all?.length).toBeGreaterThan(5)
  })
})
