import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

/**
 * The calculation of AWS Signature Version 4 ("Create a signed AWS API request", IAM User Guide), for services other than S3: the path is encoded once
 * more than on the wire, and there is one reading of everything. Where AWS would first bring path or query into a normal form, what is not in it already
 * has none here: what was signed must be what is called.
 */
export const ALGORITHM = 'AWS4-HMAC-SHA256'

/** `date` is `YYYYMMDD`. */
export type Scope = Readonly<{ date: string; region: string; service: string }>

export type Signable = Readonly<{
  method: string
  /** Canonical: see {@link canonicalPath} and {@link canonicalQuery}. */
  path: string
  query: string
  /** Name and value as they came, in the order of the names. */
  headers: readonly (readonly [string, string])[]
  /** SHA-256 of the body, hexadecimal. */
  payload: string
}>

/** Step 1, a canonical request. */
export function canonicalRequest({ method, path, query, headers, payload }: Signable): string {
  const lines = headers.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}\n`)
  const names = headers.map(([name]) => name)
  return [method, path, query, lines.join(''), names.join(';'), payload].join('\n')
}

/** Steps 2 to 4: a canonical request's signature. `secret` is `AWS4` and the secret access key, `time` is `YYYYMMDDTHHMMSSZ`. */
export function signatureOf(secret: KeyObject, time: string, scope: Scope, canonical: string): Buffer {
  const { date, region, service } = scope
  const digest = hash('sha256', canonical)
  const text = `${ALGORITHM}\n${time}\n${date}/${region}/${service}/aws4_request\n${digest}`
  const keyed = (key: KeyObject, part: string): KeyObject => createSecretKey(mac(key, part))
  return mac([date, region, service, 'aws4_request'].reduce(keyed, secret), text)
}

/** With a key object: an HMAC under bare bytes took 8 us on Node 24, making the object and using it 2.4 us. */
function mac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** A path as it came, encoded once more; null where it has an empty segment, a dot segment or what no address has. */
export function canonicalPath(path: string): string | null {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /\/\.{0,2}\//.test(path) || /\/\.{1,2}$/.test(path)) return null
  return encode(path).replaceAll('%2F', '/')
}

/** A query as it came, sorted; null where it is not encoded as RFC 3986 has it, with `%20` for a space, or has a member without a name. */
export function canonicalQuery(query: string): string | null {
  if (query === '') return ''
  const members: [string, string][] = []
  for (const member of query.split('&')) {
    const cut = member.indexOf('=')
    const name = cut === -1 ? member : member.slice(0, cut)
    const value = cut === -1 ? '' : member.slice(cut + 1)
    if (name === '' || !isEncoded(name) || !isEncoded(value)) return null
    members.push([name, value])
  }
  members.sort(([a, v], [b, w]) => order(a, b) || order(v, w))
  return members.map(([name, value]) => `${name}=${value}`).join('&')
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Whether all that is not unreserved is encoded, in upper case, and nothing else. */
function isEncoded(text: string): boolean {
  try {
    return encode(decodeURIComponent(text)) === text
  } catch {
    return false
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
