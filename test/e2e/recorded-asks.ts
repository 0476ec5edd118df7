import { HTTPClient, Mistral } from '@mistralai/mistralai'
import { MistralError } from '@mistralai/mistralai/models/errors'
import OpenAI, { AzureOpenAI } from 'openai'

/** SDKs that ask what was once asked, and tell all that they make of the answer. */

/** What the SDK gives: its answer, all of its chunks, or its error. `call`: the gateway's id of it; null without the gateway. */
export type Seen = Readonly<{ seen: unknown; call: string | null }>
/** `written` is the body, byte for byte: an SDK would write numbers and members in its own way. */
export type RecordedAsk = (key: string, baseURL: string, written: string) => Promise<Seen>

/** Sends the recorded text in place of what the SDK wrote, and keeps the gateway's id of the call. */
function sending(written: string): Readonly<{ send: typeof fetch; call: () => string | null }> {
  let call: string | null = null
  return {
    call: () => call,
    send: async (input, init) => {
      const { url, method, headers, signal } = new Request(input, init)
      const response = await fetch(url, { method, headers, signal, body: written })
      call = response.headers.get('x-customhouse-call')
      return response
    },
  }
}

const byOpenai =
  (clientOf: (options: Readonly<{ apiKey: string; maxRetries: 0; fetch: typeof fetch }>, url: string) => OpenAI) =>
  async (...[key, baseURL, written]: Parameters<RecordedAsk>): Promise<Seen> => {
    const { send, call } = sending(written)
    const { completions } = clientOf({ apiKey: key, maxRetries: 0, fetch: send }, baseURL).chat
    const body = JSON.parse(written) as OpenAI.Chat.ChatCompletionCreateParams
    try {
      if (body.stream !== true) return { seen: await completions.create(body), call: call() }
      const chunks: unknown[] = []
      for await (const chunk of await completions.create(body)) chunks.push(chunk)
      return { seen: chunks, call: call() }
    } catch (error) {
      if (!(error instanceof OpenAI.APIError)) throw error
      const { name, status, code, type, param, message, error: told } = error
      const seen = { class: error.constructor.name, name, status, code, type, param, message, told }
      return { seen, call: call() }
    }
  }

export const openaiAsks: RecordedAsk = byOpenai((options, baseURL) => new OpenAI({ ...options, baseURL }))

/** By the classic paths, in which the deployment stands. */
export const azureAsks: RecordedAsk = byOpenai(
  (options, endpoint) => new AzureOpenAI({ ...options, endpoint, apiVersion: '2024-10-21' }),
)

/** It looks at what it is given itself only to choose between whole and streamed. */
export const mistralAsks: RecordedAsk = async (key, serverURL, written) => {
  const { send, call } = sending(written)
  const { chat } = new Mistral({ apiKey: key, serverURL, httpClient: new HTTPClient({ fetcher: send }) })
  const { model, stream } = JSON.parse(written) as { model: string; stream?: boolean }
  const asked = { model, messages: [{ role: 'user' as const, content: 'as recorded' }] }
  try {
    if (stream !== true) return { seen: await chat.complete(asked), call: call() }
    const chunks: unknown[] = []
    for await (const { data } of await chat.stream(asked)) chunks.push(data)
    return { seen: chunks, call: call() }
  } catch (error) {
    if (!(error instanceof MistralError)) throw error
    const { name, statusCode, body, message } = error
    return { seen: { class: error.constructor.name, name, statusCode, body, message }, call: call() }
  }
}
