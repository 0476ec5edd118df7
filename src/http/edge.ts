import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import express from 'express'

/** What answers where no dialect does: says where the dialects are, and relays nothing. */
export function edge(prefixes: readonly string[]): RequestListener {
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
  const nothing = (response: ServerResponse): void => {
    response.writeHead(404, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length })
    response.end(body)
  }
  app.use((_request, response) => nothing(response))
  // Express matches nothing where it cannot read the address, and would then answer in HTML of its own.
  const matched: (request: IncomingMessage, response: ServerResponse, unmatched: () => void) => unknown = app
  return (request, response) => matched(request, response, () => nothing(response))
}
