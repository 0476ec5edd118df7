import { createServer } from 'node:http'
import { Pool } from 'undici'

/** The floor of the table: node:http and undici, JSON parsed and written anew both ways, and nothing else. Usage: floor.ts <upstream origin> */
const upstream = new Pool(process.argv[2] ?? '', { connections: 512, pipelining: 1 })

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    forward(Buffer.concat(chunks)).then(
      (answer) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
        response.end(answer)
      },
      () => response.writeHead(502).end(),
    )
  })
})

async function forward(body: Buffer): Promise<Buffer> {
  const call: unknown = JSON.parse(body.toString())
  const headers = { 'content-type': 'application/json', authorization: 'Bearer upstream' }
  const answer = await upstream.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers,
    body: JSON.stringify(call),
  })
  const parsed: unknown = JSON.parse(await answer.body.text())
  return Buffer.from(JSON.stringify(parsed))
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`listening ${typeof address === 'object' ? address?.port : ''}\n`)
})
