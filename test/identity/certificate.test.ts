import { expect, it } from 'vitest'
import { openCertificates } from '../../src/identity/index.ts'

const [URI, DNS] = ['spiffe://bank.example/claims', 'claims.bank.example']
const certificates = openCertificates(
  new Map([URI, DNS].map((name) => [name, { tenant: 'claims', groups: [], purpose: null }])),
)

it.each([
  ['a URI as one', [URI], [], URI],
  ['a DNS name as one', [], [DNS], DNS],
  ['a DNS name as a URI', [DNS], [], null],
  ['a URI as a DNS name', [], [URI], null],
  ['a DNS name as a URI, beside a URI', [URI.replace('spiffe', 'https'), DNS], [], null],
  ['a DNS name as both', [DNS], [DNS], DNS],
])('a certificate that has %s: a name counts as what it is alone', (_, uris, dns, subject) => {
  const certificate = { uris, dns, fingerprint: 'ab'.repeat(32), serial: '1', validTo: Date.now() + 60_000 }
  const prove = () => certificates.prove(certificate).subject
  if (subject === null) expect(prove).toThrow(/names nobody who is known here/)
  else expect(prove()).toBe(subject)
})
