import type { Sent } from './wire.ts'

export type Change = (sent: Sent) => Sent
export const withProof =
  (name: string, change: (value: string) => string | undefined): Change =>
  (sent) =>
    withHeader(sent, 'proof', name, change)
export const withOther =
  (name: string, change: (value: string) => string | undefined): Change =>
  (sent) =>
    withHeader(sent, 'headers', name, change)

export function withHeader(
  sent: Sent,
  where: 'proof' | 'headers',
  name: string,
  change: (value: string) => string | undefined,
): Sent {
  const { [name]: value = '', ...rest } = sent.presented[where]
  const changed = change(value)
  const headers = changed === undefined ? rest : { ...rest, [name]: changed }
  return { ...sent, presented: { ...sent.presented, [where]: headers } }
}

const withPresented =
  (change: Partial<Sent['presented']>): Change =>
  (sent) => ({
    ...sent,
    presented: { ...sent.presented, ...change },
  })
const swap = (from: string | RegExp, to: string) => (value: string) => {
  const changed = value.replace(from, to)
  if (changed === value) throw new Error('the table changes nothing')
  return changed
}

export const DIFFERENT = 'signature of this call is not right'
export const tampering: Readonly<Record<string, readonly [Change, string]>> = {
  'another method': [withPresented({ method: 'PUT' }), DIFFERENT],
  'another model': [withPresented({ path: '/bedrock/model/other/converse' }), DIFFERENT],
  'the prefix taken off': [(s) => withPresented({ path: s.presented.path.replace('/bedrock', '') })(s), DIFFERENT],
  'the path decoded': [(s) => withPresented({ path: decodeURIComponent(s.presented.path) })(s), DIFFERENT],
  'the path encoded in lower case': [
    (s) => withPresented({ path: s.presented.path.replace('%3A', '%3a') })(s),
    DIFFERENT,
  ],
  'the path encoded once more': [(s) => withPresented({ path: s.presented.path.replaceAll('%', '%25') })(s), DIFFERENT],
  'a slash doubled': [(s) => withPresented({ path: `/${s.presented.path}` })(s), 'empty segment'],
  'a dot segment': [(s) => withPresented({ path: `/x/..${s.presented.path}` })(s), 'dot segment'],
  'a query added to': [(s) => withPresented({ query: `${s.presented.query}&x=1` })(s), DIFFERENT],
  'no query': [withPresented({ query: '' }), DIFFERENT],
  'a query with a plus': [(s) => withPresented({ query: s.presented.query.replace('%20', '+') })(s), 'RFC 3986'],
  'another body': [(s) => ({ ...s, body: Buffer.from('{}') }), 'not the one that was signed'],
  'no body': [(s) => ({ ...s, body: new Uint8Array(0) }), 'not the one that was signed'],
  'another host': [withOther('host', () => 'other.test'), DIFFERENT],
  'no host': [withOther('host', () => undefined), 'a header that this call does not have'],
  'another content-type': [withOther('content-type', () => 'text/plain'), DIFFERENT],
  'content-type twice': [withOther('content-type', (value) => `${value}, ${value}`), DIFFERENT],
  'a signed header taken off': [withOther('x-amz-target', () => undefined), 'a header that this call does not have'],
  'a header of AWS added': [withOther('x-amz-foo', () => '1'), 'must be among SignedHeaders'],
  'a task added': [withOther('x-customhouse-task', () => 'reporting'), 'must be among SignedHeaders'],
  'metadata added': [withOther('x-customhouse-meta-team', () => 'a'), 'must be among SignedHeaders'],
  'a beta added': [withOther('anthropic-beta', () => 'context-1m-2025-08-07'), 'must be among SignedHeaders'],
  'a beta of OpenAI added': [withOther('openai-beta', () => 'x'), 'must be among SignedHeaders'],
  'another time': [withProof('x-amz-date', swap(/\dZ$/, 'xZ')), 'needs its time'],
  'two times': [withProof('x-amz-date', (value) => `${value}, ${value}`), 'needs its time'],
  'no time': [withProof('x-amz-date', () => undefined), 'needs its time'],
  'a time that is none': [withProof('x-amz-date', swap(/T\d\d/, 'T99')), 'more than 5 minutes'],
  'another digest': [withProof('x-amz-content-sha256', swap(/^../, 'zz')), 'in lower-case hexadecimal'],
  'a digest in upper case': [
    withProof('x-amz-content-sha256', (value) => value.toUpperCase()),
    'in lower-case hexadecimal',
  ],
  'an unsigned body': [withProof('x-amz-content-sha256', () => 'UNSIGNED-PAYLOAD'), 'Unsigned and chunk-wise'],
  'a body signed chunk by chunk': [
    withProof('x-amz-content-sha256', () => 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'),
    'Unsigned and chunk-wise',
  ],
  'no digest though one was signed': [
    withProof('x-amz-content-sha256', () => undefined),
    'a header that this call does not have',
  ],
  'a session token': [withProof('x-amz-security-token', () => 'AQoDYXdzEPT'), 'session token'],
  'another id': [withProof('authorization', swap(/CHKA.{16}/, 'CHKA0000000000000000')), DIFFERENT],
  "AWS's own id": [withProof('authorization', swap(/CHKA.{16}/, 'AKIAIOSFODNN7EXAMPLE')), 'begin with CHKA'],
  'a gateway key for an id': [withProof('authorization', swap(/CHKA.{16}/, 'chk_12345678')), 'not the form'],
  'another date in the scope': [withProof('authorization', swap(/\/\d{8}\//, '/20260101/')), 'not that of x-amz-date'],
  'another region': [withProof('authorization', swap('eu-central-1', 'us-east-1')), DIFFERENT],
  'another service': [withProof('authorization', swap('/bedrock/', '/s3/')), 'another service'],
  'the other service of Bedrock': [withProof('authorization', swap('/bedrock/', '/bedrock-mantle/')), DIFFERENT],
  'another end of the scope': [withProof('authorization', swap('aws4_request', 'aws4_requesu')), 'not the form'],
  'fewer signed headers': [withProof('authorization', swap('content-type;', '')), DIFFERENT],
  'without x-amz-date among them': [withProof('authorization', swap('x-amz-date;', '')), 'must be among'],
  'without the digest among them': [withProof('authorization', swap('x-amz-content-sha256;', '')), 'must be among'],
  'without host among them': [withProof('authorization', swap('host;', '')), 'must name host'],
  'host and :authority among them': [
    withProof('authorization', swap('SignedHeaders=', 'SignedHeaders=:authority;')),
    'must name host',
  ],
  ':authority in place of host': [
    withProof('authorization', swap('SignedHeaders=content-type;host;', 'SignedHeaders=:authority;content-type;')),
    DIFFERENT,
  ],
  'a signed header twice': [withProof('authorization', swap('host;', 'host;host;')), 'each once'],
  'signed headers out of order': [withProof('authorization', swap('content-type;host', 'host;content-type')), 'order'],
  'signed headers in upper case': [withProof('authorization', swap('host;', 'Host;')), 'lower case'],
  'one of a prototype in its place': [
    withProof('authorization', swap('content-type;', 'constructor;')),
    'does not have',
  ],
  'another pseudo-header': [withProof('authorization', swap('SignedHeaders=', 'SignedHeaders=:path;')), 'lower case'],
  'another signature': [withProof('authorization', swap(/.$/, 'x')), 'not the form'],
  'a shorter signature': [withProof('authorization', (value) => value.slice(0, -1)), 'not the form'],
  'no signature': [withProof('authorization', swap(/, Signature=.*/, '')), 'not the form'],
  'two signatures': [withProof('authorization', (value) => `${value}, ${value}`), 'not the form'],
  'the algorithm alone': [withProof('authorization', () => 'AWS4-HMAC-SHA256'), 'only AWS4-HMAC-SHA256'],
  'version 4a': [
    withProof('authorization', swap('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
    'only AWS4-HMAC-SHA256',
  ],
  'version 2': [
    withProof('authorization', () => 'AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg='),
    'another scheme',
  ],
  'a presigned address too': [
    (s) => withPresented({ query: `${s.presented.query}&X-Amz-Signature=00` })(s),
    'presigned address',
  ],
  'a presigned address, encoded': [withPresented({ query: 'X-Amz-%53ignature=00' }), 'presigned address'],
  'a gateway key beside it': [withProof('x-api-key', () => 'chk_'), 'a signature and a key'],
  'anything beside it': [withProof('x-goog-api-key', () => 'AIza'), 'a signature and a key'],
}

/** A call with one byte of one part set to `to`; null where it is that already. */
export function oneByte(sent: Sent, part: string, at: number, to: string): Sent | null {
  const put = (text: string): string => {
    const i = at % Math.max(1, text.length)
    return `${text.slice(0, i)}${to}${text.slice(i + 1)}`
  }
  if (part === 'body') {
    const body = Buffer.from(put(Buffer.from(sent.body).toString('latin1')), 'latin1')
    return body.equals(sent.body) ? null : { ...sent, body }
  }
  const { presented } = sent
  if (part === 'method' || part === 'path' || part === 'query') {
    const text = put(presented[part])
    // An address that a query begins in is another one, which the socket would split.
    return text === presented[part] ? null : { ...sent, presented: { ...presented, [part]: text } }
  }
  const where = Object.hasOwn(presented.proof, part) ? 'proof' : 'headers'
  const value = presented[where][part] ?? ''
  // White space at the ends is not the header's, and how much of it stands between words is not signed.
  if (put(value).trim().replace(/ +/g, ' ') === value.trim().replace(/ +/g, ' ')) return null
  return withHeader(sent, where, part, put)
}
