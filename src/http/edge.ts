import express, { type Express } from 'express'

/** What answers where no dialect does: says where the dialects are, and relays nothing. */
export function edge(prefixes: readonly string[]): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use((_request, response) => {
    response.status(404).json({
      error: {
        message: `Nothing is served here. Point your SDK's base URL at one of ${prefixes.join(', ')}.`,
        type: 'not_found_error',
        param: null,
        code: 'unknown_url',
      },
    })
  })
  return app
}
