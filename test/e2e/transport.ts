import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { Agent, buildConnector, type Dispatcher, H2CClient, fetch as undiciFetch } from 'undici'
import type { Json } from '../../src/core/json.ts'
import { selfSigned } from '../kit/index.ts'

/** A way for an SDK's calls to a gateway other than the global `fetch` over HTTP/1.1. */
export type Transport = Readonly<{ send: typeof fetch; close(): Promise<void> }>

/** HTTP/2 in clear text, by prior knowledge. */
export function overH2c(origin: string): Transport {
  const client = new H2CClient(origin)
  return { send: sending(client), close: () => client.destroy() }
}

/** TLS that trusts `ca`, and offers one protocol alone. Whatever else is negotiated is an error. `shown`: the client's own certificate. */
export function overTls(
  ca: string,
  protocol: 'http/1.1' | 'h2',
  shown?: Readonly<{ cert: string; key: string }>,
): Transport {
  const own = shown === undefined ? {} : { cert: shown.cert, key: shown.key }
  const connector = buildConnector({ ca, ...own, allowH2: protocol === 'h2', ALPNProtocols: [protocol] })
  const agent = new Agent({
    allowH2: protocol === 'h2',
    connect: (options, callback) =>
      connector(options, (...result) => {
        const [error, socket] = result
        if (error !== null) return callback(error, null)
        const spoken = (socket as TLSSocket).alpnProtocol
        if (spoken !== protocol) return callback(new Error(`negotiated ${String(spoken)}, not ${protocol}`), null)
        callback(null, socket)
      }),
  })
  return { send: sending(agent), close: () => agent.destroy() }
}

/** The `listen` section of a gateway that speaks TLS, and the certificate that its clients trust, as text and as a file. */
export function listenTls(): Readonly<{ listen: Json; ca: string; file: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-listen-'))
  const { cert, key } = selfSigned()
  writeFileSync(join(folder, 'tls.crt'), cert)
  writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 })
  const tls = { cert: join(folder, 'tls.crt'), key: `\${file:${join(folder, 'tls.key')}}` }
  return {
    listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0', tls },
    ca: cert,
    file: tls.cert,
    remove: () => rmSync(folder, { recursive: true }),
  }
}

// The dispatcher and the fetch must be of one undici: Node's own is another version.
function sending(dispatcher: Dispatcher): typeof fetch {
  return async (input, init) => {
    const given = { ...init, dispatcher } as Parameters<typeof undiciFetch>[1]
    return (await undiciFetch(String(input), given)) as unknown as Response
  }
}
