import OpenAI, { APIError } from 'openai'

/** A real SDK where the test itself cannot be: client.ts <base URL> <key> <model> [stream]. Tells what it got as lines of JSON. */
const [baseURL = '', apiKey = '', model = '', mode] = process.argv.slice(2)
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 })
const tell = (what: unknown): void => void process.stdout.write(`${JSON.stringify(what)}\n`)
const messages = [{ role: 'user' as const, content: 'How does water damage get settled? '.repeat(20) }]
try {
  if (mode === 'stream') {
    let text = ''
    let finish: string | null = null
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      if (text === '' && chunk.choices[0]?.delta.content) tell({ begun: true })
      text += chunk.choices[0]?.delta.content ?? ''
      finish = chunk.choices[0]?.finish_reason ?? finish
    }
    tell({ status: 200, text, finish })
  } else {
    const answer = await client.chat.completions.create({ model, messages })
    tell({ status: 200, text: answer.choices[0]?.message.content })
  }
} catch (error) {
  if (!(error instanceof APIError)) throw error
  tell({ status: error.status, text: error.message })
}
