import { createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Presented, Proved } from '../core/port.ts'
import { isAccessKeyId } from './pair.ts'
import { type Pair, type Ring, refuseEnded } from './ring.ts'
import { ALGORITHM, canonicalPath, canonicalQuery, canonicalRequest, type Scope, signatureOf } from './signature.ts'

/** How far a call's time may be from ours, either way; AWS has the same. A signature can be sent again for as long. */
const WINDOW_MS = 5 * 60_000

/** What the SDKs of Bedrock sign for. */
const SERVICES: ReadonlySet<string> = new Set(['bedrock', 'bedrock-mantle'])

/** Who signs with an unknown id. Never proved. */
const NOBODY = createSecretKey(randomBytes(47))
const STRANGER: Principal = Object.freeze({
  subject: '',
  tenant: '',
  groups: Object.freeze([]),
  purpose: null,
  proof: 'signature',
  keyId: '',
})

const MISMATCH =
  'The signature of this call is not right: the access key id or its secret is not known here, or the call was changed after it was signed (by a proxy that rewrites Host, path or query, say).'

type Claim = Readonly<{ accessKeyId: string; scope: Scope; names: readonly string[]; signature: Buffer }>

/**
 * Proves a signed call. A call that names the digest of its body (x-amz-content-sha256) is proved before the body is read, and the digest once it was
 * read; of one that does not (botocore, aws4fetch) everything is proved once the body was read. An unknown id takes the same way as a known one.
 *
 * @param ring the newest store, asked anew after the body was read
 * @throws CustomhouseError ERR_IDENTITY_INVALID, and so does `confirm`
 */
export function proveSignature(ring: () => Ring, presented: Presented, authorization: string): Proved {
  const claim = readClaim(authorization)
  const time = readTime(presented.proof['x-amz-date'], claim.scope.date, Date.now())
  if (presented.proof['x-amz-security-token'] !== undefined) {
    throw invalid(
      'A session token (x-amz-security-token) is not taken: pairs of this gateway have none. Unset AWS_SESSION_TOKEN.',
    )
  }
  const declared = readDigest(presented.proof['x-amz-content-sha256'])
  const head = { method: presented.method, ...readAddress(presented), headers: readSigned(presented, claim.names) }
  const pair = ring().pairs.get(claim.accessKeyId)

  const prove = (payload: string): Pair => {
    const canonical = canonicalRequest({ ...head, payload })
    const expected = signatureOf(pair?.secret ?? NOBODY, time, claim.scope, canonical)
    if (!timingSafeEqual(expected, claim.signature) || pair === undefined) throw invalid(MISMATCH)
    refuseEnded(ring(), pair, Date.now())
    return pair
  }
  const early = declared === null ? null : prove(declared)
  return {
    principal: pair?.principal ?? STRANGER,
    head: early === null ? 'claimed' : 'proved',
    confirm: (body) => {
      const digest = hash('sha256', body)
      if (early === null) prove(digest)
      else if (declared !== digest) {
        throw invalid('The body of this call is not the one that was signed: x-amz-content-sha256 does not fit it.')
      } else refuseEnded(ring(), early, Date.now())
    },
  }
}

/** The order and spelling that every SDK of AWS writes. */
const AUTHORIZATION = new RegExp(
  `^${ALGORITHM} Credential=([A-Za-z0-9]{16,128})/([0-9]{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request, ?SignedHeaders=([^ ,]{1,4096}), ?Signature=([0-9a-f]{64})$`,
)

function readClaim(authorization: string): Claim {
  const [, accessKeyId = '', date = '', region = '', service = '', names = '', signature = ''] =
    AUTHORIZATION.exec(authorization) ?? []
  if (accessKeyId === '') {
    throw invalid(
      authorization.startsWith(`${ALGORITHM} `)
        ? `The Authorization header has not the form of Signature Version 4: \`${ALGORITHM} Credential=<id>/<date>/<region>/<service>/aws4_request, SignedHeaders=..., Signature=...\`.`
        : `Of AWS's signatures only ${ALGORITHM} is taken: configure the SDK for Signature Version 4.`,
    )
  }
  if (!isAccessKeyId(accessKeyId)) {
    throw invalid(
      "This access key id is none of this gateway's: those begin with CHKA (`customhouse keys aws <id>` makes a pair). AWS's own are not accepted here.",
    )
  }
  if (!SERVICES.has(service)) {
    throw invalid('This call is signed for another service than bedrock: sign it with the service name `bedrock`.')
  }
  return {
    accessKeyId,
    scope: { date, region, service },
    names: names.split(';'),
    signature: Buffer.from(signature, 'hex'),
  }
}

function readTime(text: string | undefined, date: string, now: number): string {
  const form = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
  if (text === undefined || !form.test(text)) {
    throw invalid('A signed call needs its time in one header x-amz-date, as `YYYYMMDDTHHMMSSZ`.')
  }
  const time = Date.parse(text.replace(form, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(time - now) <= WINDOW_MS)) {
    throw invalid(
      `The time of this call (x-amz-date) is more than 5 minutes from this gateway's, ${new Date(now).toISOString()}: set the clock.`,
    )
  }
  if (text.slice(0, 8) !== date) throw invalid('The date in Credential is not that of x-amz-date.')
  return text
}

function readDigest(text: string | undefined): string | null {
  if (text === undefined || /^[0-9a-f]{64}$/.test(text)) return text ?? null
  throw invalid(
    'x-amz-content-sha256 must be the SHA-256 of the body in lower-case hexadecimal. Unsigned and chunk-wise signed bodies are not taken.',
  )
}

function readAddress(presented: Presented): Readonly<{ path: string; query: string }> {
  const [path, query] = [canonicalPath(presented.path), canonicalQuery(presented.query)]
  if (path === null) {
    throw invalid(
      'The path of this signed call has an empty segment or a dot segment: take the slash from the end of the endpoint.',
    )
  }
  if (query === null) {
    throw invalid(
      'The query of this signed call is not encoded as RFC 3986 has it: write %20 for a space, and upper-case hexadecimal.',
    )
  }
  return { path, query }
}

/** Over HTTP/2 the AWS SDK for JavaScript signs the pseudo-header that takes the place of Host. */
const NAME = /^(?::authority|[a-z0-9!#$%&'*+.^_`|~-]+)$/

/** Beginnings of the names of headers that say something of the call: who is on its way may add none. Every SDK that we tried signs them. */
const TELLING: readonly string[] = ['x-amz-', 'x-customhouse-', 'anthropic-', 'openai-']

/** The signed headers with their values. What could change the meaning of the call must be among them. */
function readSigned({ proof, headers }: Presented, names: readonly string[]): readonly (readonly [string, string])[] {
  const signed = names.map((name, i): readonly [string, string] => {
    if (!NAME.test(name) || (i > 0 && (names[i - 1] ?? '') >= name)) {
      throw invalid('SignedHeaders must list names in lower case, each once, in the order of their characters.')
    }
    const value = headerOf(proof, name) ?? headerOf(headers, name === ':authority' ? 'host' : name)
    if (value === undefined) {
      throw invalid('SignedHeaders names a header that this call does not have. Was it taken off on the way?')
    }
    return [name, value]
  })
  if (names.includes('host') === names.includes(':authority')) {
    throw invalid('SignedHeaders must name host, or over HTTP/2 :authority in its place.')
  }
  const unsigned = [...Object.keys(proof), ...Object.keys(headers)].find(
    (name) => !names.includes(name) && TELLING.some((beginning) => name.startsWith(beginning)),
  )
  if (unsigned !== undefined) {
    throw invalid(
      `Every header whose name begins with ${TELLING.slice(0, -1).join(', ')} or ${TELLING.at(-1)} must be among SignedHeaders, x-amz-date first of all.`,
    )
  }
  return signed
}

function headerOf(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined
}

function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_INVALID', message)
}
