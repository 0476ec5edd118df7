import { expect, test } from 'vitest'
import { isMisread, readParams } from '../../plugins/redaction/params.ts'
import { redact } from '../../plugins/redaction/redact.ts'
import { tenantKeys } from '../../plugins/redaction/token.ts'

test('a call has so many surrogates at most: what comes after them leaves as tokens, and none of it in clear', () => {
  const mails = Array.from({ length: 600 }, (_, at) => `user${at}@firm${at}.example`)
  const text = mails.join(' ')
  let at = 0
  const findings = mails.map((mail) => {
    const start = text.indexOf(mail, at)
    at = start + mail.length
    return { type: 'EMAIL', pointer: '/messages/0/content', start, end: at, score: 1 }
  })
  const params = readParams({ type: 'redact', params: { types: { EMAIL: 'surrogate' } } })
  if (isMisread(params)) throw new Error(params.message)
  const segment = { pointer: '/messages/0/content', role: 'user', channel: 'text', text } as const
  const done = redact(params, [segment], findings, tenantKeys(new Uint8Array(32), 'claims'))
  if (done.refused !== null) throw new Error(done.refused)
  const tokens = done.edits.filter((edit) => /^EMAIL_[0-9]+_\w{4}$/.test(edit.text))
  expect(done.edits).toHaveLength(600)
  expect(tokens.length).toBeGreaterThan(0)
  expect(done.edits.length - tokens.length).toBeGreaterThanOrEqual(400)
  expect(done.live).toHaveLength(600)
})
