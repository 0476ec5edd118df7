import { createServer } from 'node:http'

/** The provider of the benchmark: a fixed whole answer of about 2 KB. */
const answer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_764_000_000,
    model: 'gpt-4o-2026-08-06',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'The claim concerns water damage in a kitchen. '.repeat(36),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 420,
      completion_tokens: 360,
      total_tokens: 780,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
    },
    service_tier: 'default',
    system_fingerprint: 'fp_bench',
  }),
)
const head = { 'content-type': 'application/json', 'content-length': answer.length, 'x-request-id': 'req_bench' }

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    response.writeHead(200, head)
    response.end(answer)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`)
})
