import { createHash, createHmac } from 'node:crypto'
import type { AwsCredentials } from './chain.ts'

/** What a signature covers. `path` is percent-encoded as it is sent; the canonical one is encoded once more. */
export type Signable = Readonly<{
  host: string
  region: string
  path: string
  /** Name and value by turns, lower-case names; each is signed. */
  fields: readonly string[]
  body: Uint8Array
  at: Date
}>

/** The fields that a signature consists of. `host` and `content-length`, which it covers too, are the transport's to write. */
const PROOF: readonly string[] = ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256', 'authorization']

/**
 * Signs a POST for Bedrock with AWS Signature Version 4 and gives the fields to add, name and value by turns. Everything that is sent
 * is covered, but for `connection`, which is no part of the message (RFC 9110 7.6.1).
 */
export async function signed(credentials: AwsCredentials, call: Signable): Promise<readonly string[]> {
  // Loaded by the first call that needs it: other providers do without AWS's packages.
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const { host, region, path, fields, body, at } = call
  const headers: Record<string, string> = { host, 'content-length': String(body.length) }
  for (let at = 0; at + 1 < fields.length; at += 2) headers[fields[at] ?? ''] = fields[at + 1] ?? ''
  const signer = new SignatureV4({ service: 'bedrock', region, credentials, sha256: Sha256 })
  const request = { method: 'POST', protocol: 'https:', hostname: host, path, query: {}, headers, body }
  const proved = await signer.sign(request, { signingDate: at })
  return PROOF.flatMap((name) => {
    const value = proved.headers[name]
    return value === undefined ? [] : [name, value]
  })
}

type SourceData = string | ArrayBuffer | ArrayBufferView

/** SHA-256 or, with a key, HMAC-SHA-256, in the form that the signer asks for. */
class Sha256 {
  readonly #hash: Readonly<{ update(bytes: Uint8Array): unknown; digest(): Buffer }>

  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(data: SourceData): void {
    this.#hash.update(bytesOf(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
}

function bytesOf(data: SourceData): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}
