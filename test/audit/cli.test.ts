import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/audit/index.ts'
import { copyOf, editLines, lineOf } from './forge.ts'
import { callId, denied, LOG, makePlace, makeSharedPlace, oneCall, type Place } from './kit.ts'

const BIN = join(import.meta.dirname, '../../bin/customhouse.js')
const ESCAPES = 'red \u001b[31m\u202e'
let place: Place

beforeAll(async () => {
  place = makeSharedPlace()
  let now = Date.UTC(2026, 10, 24, 12)
  const clock = { now: () => (now += 1_000), mono: process.hrtime.bigint }
  const { ledger } = await openLedger({ state: place.state, keys: place.keys, log: LOG, clock })
  await oneCall(ledger, 1)
  await ledger.append(denied(2, 'fraud'))
  await oneCall(ledger, 3)
  await ledger.append({ kind: 'policy.activated', tenant: '_gateway', call: null, body: { revision: ESCAPES } })
  await ledger.close()
})

type Ran = Readonly<{ out: string; err: string; code: number | null }>

function audit(at: Place, ...args: string[]): Ran {
  const run = spawnSync(process.execPath, [BIN, 'audit', ...args, '--state', at.state, '--keys', at.keys], {
    encoding: 'utf8',
  })
  return { out: run.stdout, err: run.stderr, code: run.status }
}

const seqs = (ran: Ran): number[] =>
  ran.out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).seq)

describe('audit search', () => {
  test.each<[string, string[], number[]]>([
    ['everything', [], [0, 1, 2, 3, 4, 5, 6, 7]],
    ['a tenant', ['--tenant', 'fraud'], [3]],
    ['a kind', ['--kind', 'call.intent'], [1, 4]],
    ['a family of kinds', ['--kind', 'ledger'], [0, 7]],
    ['a call', ['--call', callId(3)], [4, 5]],
    ['from a time', ['--since', '2026-11-24T12:00:05Z'], [4, 5, 6, 7]],
    ['before a time', ['--until', '2026-11-24T13:00:05+01:00'], [0, 1, 2, 3]],
    ['denials', ['--decision', 'deny'], [3]],
    ['permissions', ['--decision', 'allow'], [1, 2, 4, 5]],
    ['a rule', ['--rule', 'residency/processing'], [3]],
    ['a provider', ['--provider', 'eu'], [1, 4]],
    ['a model', ['--model', 'gpt'], [1, 4]],
    ['several filters', ['--provider', 'eu', '--call', callId(1)], [1]],
    ['a limit', ['--limit', '2'], [0, 1]],
    ['nothing', ['--tenant', 'nobody'], []],
  ])('%s', (_, args, found) => {
    const ran = audit(place, 'search', '--json', ...args)
    expect(ran.code).toBe(0)
    expect(seqs(ran)).toEqual(found)
  })

  test('a table, with an account of what was searched on stderr', () => {
    const ran = audit(place, 'search', '--tenant', 'fraud')
    expect(ran.out).toMatch(
      /^SEQ .*\n3 +2026-11-24T12:00:0\d\.000Z +fraud +call\.denied .* deny +residency\/processing/,
    )
    expect(ran.err).toBe('1 found; all 8 records were searched\n')
    expect(audit(place, 'search', '--limit', '3').err).toContain('there are more')
  })

  test.each([
    ['--since', 'yesterday'],
    ['--limit', '0'],
    ['--limit', 'x'],
    ['--no-such-option', 'x'],
  ])('%s %s is wrong usage: 3', (...args) => {
    expect(audit(place, 'search', ...args).code).toBe(3)
  })

  test('without a ledger: 3', () => {
    const ran = audit(makePlace(), 'search')
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('There is no ledger')
  })
})

describe('audit show', () => {
  test('a call: its trail and proofs, personal fields sealed', () => {
    const ran = audit(place, 'show', callId(1))
    expect(ran.code).toBe(0)
    expect(ran.out).toContain('call.outcome of 1')
    expect(ran.out).toContain('sealed (--disclose opens them)')
    expect(ran.out.match(/holds, checkpoint of 8 signed/g)).toHaveLength(2)
    expect(ran.out).not.toContain('person-1')
  })

  test('--disclose opens personal fields, if the content key is there', () => {
    expect(audit(place, 'show', '4', '--disclose').out).toContain('subject (personal): "person-3@bank.example"')
    const shredded = copyOf(place)
    rmSync(join(shredded.keys, 'content'), { recursive: true })
    expect(audit(shredded, 'show', '4', '--disclose').out).toContain('whose content key is not there')
  })

  test('what is recorded cannot steer the terminal', () => {
    const ran = audit(place, 'show', '6')
    expect(ran.out).not.toContain('\u202e')
    expect(ran.out).toContain('\\u001b[31m\\u{202e}')
  })

  test('--json gives everything that a proof needs', () => {
    const [step] = JSON.parse(audit(place, 'show', '1', '--json').out)
    expect(step).toMatchObject({
      record: { seq: 1 },
      disclosed: null,
      proof: { index: 1, size: 8, holds: true, signed: true },
    })
  })

  test('no such call: 1', () => {
    expect(audit(place, 'show', 'nothing').code).toBe(1)
  })
})

describe('audit verify', () => {
  test('verified: 0', () => {
    const ran = audit(place, 'verify')
    expect(ran.code).toBe(0)
    expect(ran.out).toContain('VERIFIED  bank.example/n1')
    expect(JSON.parse(audit(place, 'verify', '--json').out)).toMatchObject({ status: 'verified', size: 8 })
  })

  test('tampered: 4, with the place; and nothing is searched past it', () => {
    const spoilt = copyOf(place)
    editLines(spoilt, (lines) =>
      lines.with(lineOf(lines, 3), (lines[lineOf(lines, 3)] ?? '').replace('fraud', 'fraux')),
    )
    const ran = audit(spoilt, 'verify')
    expect(ran.code).toBe(4)
    expect(ran.out).toMatch(/damage +leaf-hash in 00000000000000000000\.seg line \d+ byte \d+ at seq 3/)
    const searched = audit(spoilt, 'search', '--json')
    expect(searched.code).toBe(4)
    expect(seqs(searched)).toEqual([0, 1, 2])
  })

  test('not verifiable: 2', () => {
    const bare = copyOf(place)
    rmSync(bare.keys, { recursive: true })
    const ran = audit(bare, 'verify')
    expect(ran.code).toBe(2)
    expect(ran.out).toContain('signatures: not checked')
    expect(audit(makePlace(), 'verify').code).toBe(2)
  })

  test('with a key from elsewhere: 4', () => {
    expect(
      audit(place, 'verify', '--public-key', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW').code,
    ).toBe(4)
  })
})
