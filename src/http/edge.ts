import { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import { HttpClient } from './client.ts'
import type { Handler } from './exchange.ts'

/**
 * What answers where no dialect does: says where the dialects are, and relays nothing. Express knows no HTTP/2 (it throws), so over that
 * the same answer is given without it.
 *
 * @param stallMs for a client to take the answer
 */
export function edge(prefixes: readonly string[], stallMs = 60_000): Handler {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const body = Buffer.from(
    JSON.stringify({
      error: {
        message: `Nothing is served here. Point your SDK's base URL at one of ${prefixes.join(', ')}.`,
        type: 'not_found_error',
        param: null,
        code: 'unknown_url',
      },
    }),
  )
  const type = { 'content-type': 'application/json; charset=utf-8' }
  const nothing = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that waited for a word and got this one may send its body or not: what comes next could be either.
    if (request.headers.expect !== undefined) response.setHeader('connection', 'close')
    response.writeHead(404, { ...type, 'content-length': body.length })
    response.end(body)
  }
  app.use((request, response) => nothing(request, response))
  // Express matches nothing where it cannot read the address, and would then answer in HTML of its own.
  const matched: (request: IncomingMessage, response: ServerResponse, unmatched: () => void) => unknown = app
  return (request, response) => {
    if (request instanceof IncomingMessage && response instanceof ServerResponse) {
      matched(request, response, () => nothing(request, response))
      return
    }
    const client = new HttpClient(response, { stallMs })
    client.begin(404, type)
    client.endUnread(request, body)
  }
}
