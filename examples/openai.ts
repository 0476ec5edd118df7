// The OpenAI SDK through Customhouse: another base URL, and a gateway key in place of the provider's.
//
//   CUSTOMHOUSE_KEY=chk_... node examples/openai.ts "Summarise the claim in two sentences."
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: 'http://127.0.0.1:8450/openai/v1', apiKey: process.env.CUSTOMHOUSE_KEY })

const question = process.argv[2] ?? 'hello'
const messages = [{ role: 'user' as const, content: question }]

const answer = await client.chat.completions.create({ model: 'auto', messages })
console.log(answer.choices[0]?.message.content)

for await (const chunk of await client.chat.completions.create({ model: 'auto', messages, stream: true })) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? '')
}
console.log()

// A denial is the SDK's own PermissionDeniedError, which it does not repeat. Its message names the rule; the call's id finds the record.
try {
  await client.chat.completions.create(
    { model: 'auto', messages },
    { headers: { 'x-customhouse-task': process.argv[3] ?? 'phi' } },
  )
} catch (error) {
  if (!(error instanceof OpenAI.PermissionDeniedError)) throw error
  console.log(`${error.status} ${error.code}: ${error.message}`)
  console.log(`customhouse audit show ${error.headers?.get('x-customhouse-call')}`)
}
