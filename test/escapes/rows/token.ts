import type { Json } from '../../../src/core/json.ts'
import { DIALECTS } from '../doors.ts'
import { denied, type Expected, refused, rows, type Way } from '../row.ts'

type Claims = Readonly<Record<string, Json>>

/** The row's call, with a token in place of the key. */
const bearing =
  (which: 'bank' | 'lab', claims: Claims, expected: Expected, headers: Readonly<Record<string, string>> = {}) =>
  (): Way => ({
    tenant: 'purposed',
    expected,
    act: (scene, row) => {
      const authorization = `Bearer ${scene.issuers.token(which, claims)}`
      return scene.ask({ ...row, sending: { ...row.sending, headers: { ...headers, authorization } } })
    },
  })
const care = { dept: 'care' }

/** Tokens that prove something, and not what would be needed. */
export const TOKENS_OF_OTHERS = rows('token', DIALECTS, {
  'of the right purpose, which is served': bearing('bank', { ...care, purpose: 'care' }, { kind: 'kept' }),
  'of another purpose': bearing('bank', { ...care, purpose: 'marketing' }, denied('residency/purpose')),
  'of no purpose': bearing('bank', care, denied('residency/purpose')),
  'of no purpose, with one in a header': bearing('bank', care, denied('residency/purpose'), {
    'x-customhouse-purpose': 'care',
  }),
  'of a department that its issuer may not prove': bearing('bank', { dept: 'lab', purpose: 'care' }, refused(401)),
  'whose tenant another issuer proves': bearing('lab', { ...care, purpose: 'care' }, refused(401)),
  'of two purposes': bearing('bank', { ...care, purpose: ['care', 'marketing'] }, refused(401)),
  'with a claim that nobody reads': bearing('bank', { ...care, purpose: 'care', region: 'us' }, refused(401)),
  'for another audience': bearing('bank', { ...care, purpose: 'care', aud: 'elsewhere' }, refused(401)),
})
