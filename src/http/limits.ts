/** Bounds of a socket, in milliseconds and bytes. Each holds on HTTP/1.1 and HTTP/2, in clear text and over TLS. */
export type SocketLimits = Readonly<{
  /** From the opening of a connection to its first byte. */
  connectionMs: number
  headerBytes: number
  /** For a TLS handshake, for the preface of HTTP/2, and for the headers of a call. */
  headersMs: number
  /** For a whole call to arrive. */
  requestMs: number
  /** For a connection without a call. */
  keepAliveMs: number
}>

/** For a client to read last bytes. Without it one that does not, or that keeps its side open, would keep the socket for ever. */
export const LINGER_MS = 500
