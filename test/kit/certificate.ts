import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** PEM texts of a key of P-256 and of a certificate that it signed itself. */
export type SelfSigned = Readonly<{ key: string; cert: string }>

/** A certificate for `names` (DNS) and 127.0.0.1, valid from yesterday for a year: made in the test, so that no key is ever committed. */
export function selfSigned(names: readonly string[] = ['localhost']): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const name = der(0x30, der(0x31, der(0x30, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from('customhouse test')))))
  const day = 86_400_000
  const validity = der(0x30, utcTime(Date.now() - day), utcTime(Date.now() + 365 * day))
  const alternative = der(
    0x30,
    ...names.map((dns) => der(0x82, Buffer.from(dns, 'ascii'))),
    der(0x87, Buffer.of(127, 0, 0, 1)),
  )
  const critical = der(0x01, Buffer.of(0xff))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = createHash('sha1').update(spki).digest()
  const extensions = der(
    0xa3,
    der(
      0x30,
      der(0x30, oid(0x55, 0x1d, 0x11), der(0x04, alternative)),
      der(0x30, oid(0x55, 0x1d, 0x13), critical, der(0x04, der(0x30, der(0x01, Buffer.of(0xff))))),
      // What strict verifiers (Python 3.13) ask for besides: the key's use, and whose key it is (RFC 5280 4.2.1.1 to 4.2.1.3).
      der(0x30, oid(0x55, 0x1d, 0x0f), critical, der(0x04, der(0x03, Buffer.of(2, 0x84)))),
      der(0x30, oid(0x55, 0x1d, 0x0e), der(0x04, der(0x04, keyId))),
      der(0x30, oid(0x55, 0x1d, 0x23), der(0x04, der(0x30, der(0x80, keyId)))),
    ),
  )
  // RFC 5280 4.1: version 3, serial, algorithm, issuer, validity, subject, key, extensions.
  const serial = randomBytes(8)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const toBeSigned = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    validity,
    name,
    spki,
    extensions,
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = der(0x30, toBeSigned, ecdsaWithSha256, der(0x03, Buffer.of(0), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), body])
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

function utcTime(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
}
