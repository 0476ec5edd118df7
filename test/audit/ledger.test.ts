import { statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Committed,
  disclosureDigest,
  leafHash,
  makeVerifier,
  openContentKeys,
  publishedVerifierKey,
  readTrail,
  sealContext,
  unseal,
} from '../../src/audit/index.ts'
import { canonical } from '../../src/core/canonical.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { type AuditDraft, LEAF_MAX_BYTES, type Refused } from '../../src/core/record.ts'
import {
  allEntries,
  callId,
  denied,
  everythingWritten,
  intent,
  LOG,
  makePlace,
  oneCall,
  openAt,
  outcome,
  segmentsOf,
  throwDamage,
  verifyAt,
} from './kit.ts'

const gateway = (kind: AuditDraft['kind'], body: AuditDraft['body'] = {}): AuditDraft => ({
  kind,
  tenant: '_gateway',
  call: null,
  body,
})

describe('append', () => {
  test('numbers records in the order of calls, for the log and for each tenant', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    const drafts = [
      denied(1, 'a'),
      denied(2, 'b'),
      gateway('policy.activated'),
      denied(3, 'a'),
      gateway('config.activated'),
    ]
    const receipts = await Promise.all(drafts.map((draft) => ledger.append(draft)))
    expect(receipts.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(receipts.map(({ tseq }) => tseq)).toEqual([0, 0, 1, 1, 2])
    await ledger.close()
    const entries = await allEntries(place)
    expect(entries.map(({ leaf }) => leaf.kind)).toEqual([
      'ledger.opened',
      ...drafts.map(({ kind }) => kind),
      'ledger.closed',
    ])
    expect(entries.slice(1, 6).map(({ leaf }) => leaf.id)).toEqual(receipts.map(({ id }) => id))
  })

  test('stores each leaf as the canonical form of what was given, and its RFC 6962 hash', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place, { clock: { now: () => Date.UTC(2026, 10, 24, 7), mono: () => 12_345n } })
    const draft = denied(7)
    await ledger.append(draft)
    await ledger.close()
    const entry = (await allEntries(place))[1]
    const { boot, id, ...leaf } = entry?.leaf ?? { boot: '', id: '' }
    expect(leaf).toEqual({
      body: draft.body,
      call: callId(7),
      epoch: 1,
      kind: 'call.denied',
      log: LOG,
      mono: '12345',
      seq: 1,
      t: '2026-11-24T07:00:00.000Z',
      tenant: 'claims',
      tseq: 0,
      v: 1,
    })
    expect(boot).toMatch(/^[0-9a-f]{16}$/)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(canonical({ ...leaf, boot, id } as never)).toBe(entry?.text)
    expect(leafHash(entry?.text ?? '')).toBe(entry?.hash)
  })

  test('personal fields stand in the log only as salted digests, and are sealed beside them', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    const { seq } = await ledger.append(intent(1))
    await ledger.append(intent(1))
    const twin = (await allEntries(place)).at(-1)
    const entry = (await allEntries(place))[seq]
    expect(everythingWritten(place)).not.toContain('person-1')
    expect(entry?.leaf._sd).toHaveLength(2)
    expect(entry?.leaf._sd?.some((digest) => twin?.leaf._sd?.includes(digest))).toBe(false)

    const sealed = entry?.sealed ?? { k: '', x: '' }
    expect(sealed.k).toMatch(/^claims\.\d{4}-\d\d\.[0-9a-f]{8}$/)
    const key = openContentKeys(place.keys, { make: false }).opening(sealed.k)
    if (key === null || entry === undefined) throw new Error('The content key is not there.')
    const disclosures = unseal(key, sealContext(LOG, seq, entry.leaf.id), sealed.x)
    expect(disclosures?.map(disclosureDigest).sort()).toEqual(entry.leaf._sd)
    const opened = disclosures?.map((disclosure) =>
      JSON.parse(Buffer.from(disclosure, 'base64url').toString()).slice(1),
    )
    expect(opened).toEqual([
      ['subject', 'person-1@bank.example'],
      ['task', 'case 1'],
    ])
    for (const context of [sealContext(LOG, seq + 1, entry.leaf.id), sealContext('other', seq, entry.leaf.id)]) {
      expect(unseal(key, context, sealed.x)).toBeNull()
    }
  })

  test('keys and log are for their owner only', async () => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    await ledger.append(intent(1))
    const mode = (...parts: string[]): number => statSync(join(...parts)).mode & 0o777
    expect(mode(place.keys, 'ledger.pem')).toBe(0o600)
    expect(mode(place.keys, 'content')).toBe(0o700)
    expect(mode(place.directory)).toBe(0o700)
    expect(mode(place.directory, segmentsOf(place)[0] ?? '')).toBe(0o600)
  })

  test.each<[string, AuditDraft]>([
    ['a leaf', { ...denied(1), body: { text: 'x'.repeat(LEAF_MAX_BYTES) } }],
    ['a leaf, in bytes and not in characters', { ...denied(1), body: { text: 'é'.repeat(LEAF_MAX_BYTES / 2) } }],
    ['a sealed part', { ...denied(1), personal: { text: 'x'.repeat(LEAF_MAX_BYTES) } }],
  ])('says of %s that is too large that its size is why, how large it is, and not what it holds', async (_, draft) => {
    const { ledger } = await openAt(makePlace())
    const refused = await ledger.append(draft).catch((error: unknown) => error)
    if (!isCustomhouseError(refused, 'ERR_GATEWAY_INTERNAL')) throw new Error('It was not refused.')
    expect(refused.detail).toMatchObject({ refused: 'size' satisfies Refused, most: LEAF_MAX_BYTES })
    expect(refused.detail.bytes).toBeGreaterThan(LEAF_MAX_BYTES)
    expect(JSON.stringify([refused.message, refused.detail])).not.toMatch(/x{3}|é/)
    const other = await ledger.append(outcome(1, 99)).catch((error: unknown) => error)
    expect(isCustomhouseError(other) && other.detail.refused).toBe('intent' satisfies Refused)
    expect(ledger.health()).toBe('ok')
  })

  test.each<[string, AuditDraft]>([
    ['a leaf that is too long', { ...denied(1), body: { text: 'x'.repeat(LEAF_MAX_BYTES) } }],
    ['personal fields that are too long', { ...denied(1), personal: { text: 'x'.repeat(LEAF_MAX_BYTES) } }],
    ['a lone surrogate', { ...denied(1), body: { text: '\ud800' } }],
    ['a lone surrogate in a personal field', { ...denied(1), personal: { text: '\ud800' } }],
    ['a number that is not finite', { ...denied(1), body: { score: Number.NaN } }],
    ['an intent of no call', { ...intent(1), call: null }],
    ['no tenant', denied(1, '')],
    ['a closing record of nothing', outcome(1, 99)],
    ['a closing record without a number', { ...denied(1), kind: 'call.outcome' }],
    ['a progress of nothing', { ...outcome(1, 99), kind: 'call.progress' }],
    ['a number where nothing is closed', { ...denied(1), of: 0 }],
    ["the ledger's own kind", gateway('ledger.opened')],
  ])('refuses %s, gives it no number, and goes on', async (_, draft) => {
    const place = makePlace()
    const { ledger } = await openAt(place)
    const refused = await ledger.append(draft).catch((error: unknown) => error)
    expect(isCustomhouseError(refused, 'ERR_GATEWAY_INTERNAL')).toBe(true)
    expect(ledger.health()).toBe('ok')
    expect(await ledger.append(denied(2))).toMatchObject({ seq: 1, tseq: 0 })
    await ledger.close()
    expect((await verifyAt(place)).status).toBe('verified')
  })

  test('an intent is closed once, by a record of its own call and tenant', async () => {
    const { ledger } = await openAt(makePlace())
    const { seq } = await ledger.append(intent(1))
    await expect(ledger.append(outcome(2, seq))).rejects.toThrow('another call')
    await expect(ledger.append(outcome(1, seq, 'other'))).rejects.toThrow('another call or tenant')
    await ledger.append({ ...outcome(1, seq), kind: 'call.progress' })
    await ledger.append(outcome(1, seq))
    await expect(ledger.append(outcome(1, seq))).rejects.toThrow('no such open intent')
  })

  test('takes a leaf of exactly the largest size, and reads it back', async () => {
    const place = makePlace()
    // With clocks that stand still every leaf has the same length but for its text.
    const { ledger } = await openAt(place, { clock: { now: () => Date.UTC(2026, 10, 24), mono: () => 1n } })
    const sized = (text: string): AuditDraft => ({
      ...denied(1),
      body: { text },
      personal: { text: 'y'.repeat(40_000) },
    })
    await ledger.append(sized(''))
    const room = LEAF_MAX_BYTES - Buffer.byteLength((await allEntries(place))[1]?.text ?? '')
    const largest = 'x'.repeat(room % 4) + '\u{1f600}'.repeat(room >> 2)
    await expect(ledger.append(sized(`${largest}x`))).rejects.toThrow('65536 bytes')
    await ledger.append(sized(largest))
    await ledger.close()
    expect((await allEntries(place))[2]?.leaf.body.text).toBe(largest)
    expect((await verifyAt(place)).status).toBe('verified')
  })
})

test('any interleaving of calls keeps order and numbers, shares commits, and verifies', async () => {
  const step = fc.record({ tenant: fc.constantFrom('a', 'b', 'ä "\\'), close: fc.boolean(), wait: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 2_000, max: 20_000 }),
      async (steps, maxSegmentBytes) => {
        const place = makePlace()
        const commits: Committed[] = []
        const { ledger } = await openAt(place, { maxSegmentBytes, onCommit: (commit) => commits.push(commit) })
        const open: { n: number; seq: number; tenant: string }[] = []
        const acknowledged: { seq: number; id: string }[] = []
        const pending: Promise<unknown>[] = []
        for (const [n, { tenant, close, wait }] of steps.entries()) {
          const call = close ? open.shift() : undefined
          const append = ledger.append(call === undefined ? intent(n, tenant) : outcome(call.n, call.seq, call.tenant))
          pending.push(
            append.then((receipt) => {
              acknowledged.push(receipt)
              if (call === undefined) open.push({ n, seq: receipt.seq, tenant })
            }),
          )
          if (wait) await append
        }
        await Promise.all(pending)
        await ledger.close()
        const entries = await allEntries(place)
        expect(acknowledged.map(({ seq }) => seq)).toEqual(steps.map((_, i) => i + 1))
        expect(acknowledged.map(({ id }) => id)).toEqual(entries.slice(1, -1).map(({ leaf }) => leaf.id))
        expect(commits.flatMap(({ records }) => records)).toEqual(entries.map(({ leaf }) => leaf))
        expect(await verifyAt(place)).toMatchObject({
          status: 'verified',
          size: steps.length + 2,
          openIntents: open.length,
        })
      },
    ),
    { numRuns: 25 },
  )
})

test('what comes in one turn of the event loop is one commit', async () => {
  const commits: Committed[] = []
  const { ledger } = await openAt(makePlace(), { onCommit: (commit) => commits.push(commit) })
  await Promise.all(Array.from({ length: 500 }, (_, n) => ledger.append(denied(n))))
  expect(commits.map(({ records }) => records.length)).toEqual([1, 500])
})

test('a commit takes 2,000 records at most, and 8 MB', async () => {
  const commits: Committed[] = []
  const { ledger } = await openAt(makePlace(), { onCommit: (commit) => commits.push(commit) })
  await Promise.all(Array.from({ length: 4_500 }, (_, n) => ledger.append(denied(n))))
  expect(commits.map(({ records }) => records.length)).toEqual([1, 2_000, 2_000, 500])
  commits.length = 0
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => ledger.append({ ...denied(n), body: { text: 'x'.repeat(60_000) } })),
  )
  expect(Math.max(...commits.map(({ bytes }) => bytes))).toBeLessThan(8 * 1024 * 1024 + 300)
  expect(commits.length).toBeGreaterThan(2)
})

test('the trail of a call comes with disclosures and with proofs that lead to the signed root', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place, { maxSegmentBytes: 8_000 })
  for (let n = 0; n < 30; n++) await oneCall(ledger, n)
  await ledger.close()
  const verifier = makeVerifier(publishedVerifierKey(place.keys) ?? '')
  const contentKeys = openContentKeys(place.keys, { make: false })
  const trail = await readTrail(place.directory, callId(17), { contentKeys, verifier, onDamage: throwDamage })
  expect(trail.map(({ record }) => record.kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail[0]?.disclosed?.map(({ name, value }) => [name, value])).toEqual([
    ['subject', 'person-17@bank.example'],
    ['task', 'case 17'],
  ])
  expect(trail.every(({ proof }) => proof?.holds === true && proof.signed === true)).toBe(true)
  expect(
    await readTrail(place.directory, trail[1]?.record.seq ?? -1, { contentKeys, verifier, onDamage: throwDamage }),
  ).toEqual(trail)
  expect(await readTrail(place.directory, 'no such call', { contentKeys, verifier, onDamage: throwDamage })).toEqual([])
  expect(trail[0]?.proof?.tlogProof).toMatch(
    /^c2sp\.org\/tlog-proof@v1\nindex 35\n([A-Za-z0-9+/]{43}=\n)+\nbank\.example\/n1\n62\n/,
  )
})

test('a reader sees whole commits only while a writer is at work', async () => {
  const place = makePlace()
  const { ledger } = await openAt(place, { maxSegmentBytes: 20_000 })
  let writing = true
  const writer = (async () => {
    for (let n = 0; n < 120; n++) await Promise.all([oneCall(ledger, n), ledger.append(denied(n, 'other'))])
    writing = false
  })()
  let sizes = 0
  while (writing) {
    const verification = await verifyAt(place)
    expect(verification).toMatchObject({ status: 'verified', damage: null })
    expect(verification.size).toBeGreaterThanOrEqual(sizes)
    sizes = verification.size
  }
  await writer
  expect((await verifyAt(place)).size).toBe(361)
})
