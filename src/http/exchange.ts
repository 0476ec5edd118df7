import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** A call as it comes off either protocol. `rawHeaders` holds everything that was said, the pseudo-headers of HTTP/2 too. */
export type Inbound = IncomingMessage | Http2ServerRequest

/** What answers it. */
export type Outbound = ServerResponse | Http2ServerResponse

/**
 * Takes calls of both protocols. One that expects `100-continue` has not been continued yet: whoever reads its body must say so first
 * (`writeContinue`), and whoever refuses it need not. It must not throw.
 */
export type Handler = (request: Inbound, response: Outbound) => void

/** Whether the client waits for a word of ours before it sends its body. Every other expectation was refused by the listener. */
export function awaitsContinue(request: Inbound): boolean {
  return request.headers.expect !== undefined && request.httpVersion !== '1.0'
}

/** RFC 9110 10.1.1: the only expectation there is, in any case of letters. */
export function isContinue(expectation: string | undefined): boolean {
  return expectation?.trim().toLowerCase() === '100-continue'
}
