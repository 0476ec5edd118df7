import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'

export const CHAT = '/openai/v1/chat/completions'
export const BODY = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })

export type Answered = Readonly<{
  status: number
  headers: IncomingHttpHeaders
  body: string
  continued: boolean
  code: number
}>

/** One call over a session. One that expects a word gives its body when it comes; null is none. */
export function ask(
  on: ClientHttp2Session,
  headers: Readonly<Record<string, string>> = {},
  body: string | null = BODY,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = on.request(
      { ':method': 'POST', ':path': CHAT, ...headers },
      { endStream: body === null && headers.expect === undefined },
    )
    let text = ''
    let status = 0
    let seen: IncomingHttpHeaders = {}
    let continued = false
    request.setEncoding('utf8')
    request.on('response', (answer) => {
      status = Number(answer[':status'])
      seen = answer
    })
    request.on('continue', () => {
      continued = true
      request.end(body ?? '')
    })
    request.on('data', (chunk: string) => {
      text += chunk
    })
    request.on('error', reject)
    request.on('close', () => resolve({ status, headers: seen, body: text, continued, code: request.rstCode ?? 0 }))
    if (headers.expect === undefined && body !== null) request.end(body)
  })
}
