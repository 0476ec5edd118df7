import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/audit/index.ts'
import { copyOf, editLines, lineOf } from './forge.ts'
import {
  callId,
  denied,
  intent,
  LOG,
  makePlace,
  makeSharedPlace,
  newestSegment,
  oneCall,
  outcome,
  type Place,
} from './kit.ts'

const ROOT = join(import.meta.dirname, '../..')
const BIN = join(ROOT, 'bin/customhouse.js')
/** As small as a configuration can be; its folders are the defaults beside the file. */
const CONFIG = JSON.stringify({
  version: 1,
  providers: {
    one: {
      kind: 'openai',
      base_url: 'http://127.0.0.1:9/v1',
      residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
    },
  },
  models: { m: { routes: [{ provider: 'one', model: 'm' }] } },
  tenants: { claims: {} },
  audit: { log: LOG },
})
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
  return run(ROOT, 'audit', ...args, '--state', at.state, '--keys', at.keys)
}

function run(cwd: string, ...args: string[]): Ran {
  const { CUSTOMHOUSE_CONFIG: _config, CUSTOMHOUSE_STATE: _state, CUSTOMHOUSE_KEYS: _keys, ...env } = process.env
  const run = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', cwd, env })
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
    ['a list of kinds and families', ['--kind', 'policy, config,call.denied'], [3, 6]],
    ['a target', ['--target', 'eu/gpt'], [1, 4]],
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
    ['--since', 'yesterday', 'Write it as'],
    ['--limit', '0', 'is no count'],
    ['--limit', 'x', 'is no count'],
    ['--no-such-option', 'x', 'unknown option'],
    ['--kind', 'nosuch', 'Known: call, access, policy'],
    ['--kind', 'call.denid', 'Did you mean call.denied?'],
    ['--kind', 'call,polcy', '"polcy" is no kind of record. Did you mean policy?'],
    ['--kind', 'call,', '"" is no kind'],
    ['--decision', 'denied', 'Known: allow, deny.'],
    ['--decision', 'allowed', 'Did you mean allow?'],
    ['--decision', 'no', 'neither allow, nor deny'],
    ['--tenant', '', '--tenant has no value'],
  ])('%s %s is wrong usage: 3, and says why', (option, value, why) => {
    const ran = audit(place, 'search', option, value)
    expect(ran.code).toBe(3)
    expect(ran.out).toBe('')
    expect(ran.err).toContain(why)
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

  test('an abandoned call: how far it had come, in words', async () => {
    const crashed = copyOf(place)
    const { ledger } = await openLedger({ state: crashed.state, keys: crashed.keys, log: LOG })
    const [long, silent] = await Promise.all([ledger.append(intent(8)), ledger.append(intent(9))])
    const progress = { attempt: 1, bytes: 4_321, events: 3 }
    const { seq } = await ledger.append({ ...outcome(8, long.seq), kind: 'call.progress', body: progress })
    const left = copyOf(crashed)
    await ledger.close()
    await (await openLedger({ state: left.state, keys: left.keys, log: LOG })).ledger.close()
    expect(audit(left, 'show', callId(8)).out).toContain(
      `a crash ended it; 4321 bytes of its answer are on record at seq ${seq}: up to audit.progress_bytes more`,
    )
    expect(audit(left, 'show', callId(9)).out).toContain('nothing of its answer is on record')
    expect(silent.seq).toBe(long.seq + 1)
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
    expect(ran.err).toContain('Name the keys folder with --keys, or the key itself with --public-key.')
  })

  test('nothing to verify: 2, and it says where it looked', () => {
    const nothing = makePlace()
    const ran = audit(nothing, 'verify')
    expect(ran.code).toBe(2)
    expect(ran.err).toContain(`There is no ledger in ${nothing.directory} (named by --state`)
  })

  test('content keys that are gone: 2 with their number, 0 if that is how it should be', () => {
    const shredded = copyOf(place)
    rmSync(join(shredded.keys, 'content'), { recursive: true })
    const ran = audit(shredded, 'verify')
    expect(ran.code).toBe(2)
    expect(ran.out).toContain('missing      2 sealed parts have no content key any more: erased, or lost')
    expect(ran.err).toContain('say --allow-erased')
    const allowed = audit(shredded, 'verify', '--allow-erased')
    expect(allowed.code).toBe(0)
    expect(allowed.out).toContain('0 opened, 2 erased or lost')
    // An auditor who has the verifier key only is not told that anything is missing.
    rmSync(join(shredded.keys, 'ledger.pem'))
    const auditor = audit(shredded, 'verify')
    expect(auditor.code).toBe(0)
    expect(auditor.out).toContain('disclosures: not checked')
  })

  test('with a key from elsewhere: 4', () => {
    expect(
      audit(place, 'verify', '--public-key', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW').code,
    ).toBe(4)
  })
})

describe('audit checkpoint', () => {
  test('prints the note as it is, to be held elsewhere; verify takes it back', () => {
    const held = join(dirname(copyOf(place).state), 'held')
    const ran = audit(place, 'checkpoint')
    expect(ran).toMatchObject({ code: 0, err: '', out: readFileSync(join(place.directory, 'checkpoint'), 'utf8') })
    writeFileSync(held, ran.out)
    expect(audit(place, 'verify', '--checkpoint', held, '--checkpoint', held).code).toBe(0)
    const [log, size] = ran.out.split('\n')
    expect(JSON.parse(audit(place, 'checkpoint', '--json').out)).toMatchObject({
      log,
      size: Number(size),
      signed: true,
      note: ran.out,
    })
  })

  test('that is not signed by the key is not given away: 4', () => {
    const spoilt = copyOf(place)
    writeFileSync(join(spoilt.directory, 'checkpoint'), audit(place, 'checkpoint').out.replace('\n8\n', '\n7\n'))
    expect(audit(spoilt, 'checkpoint')).toMatchObject({ code: 4, out: '' })
  })

  test('without a ledger: 3; one to compare with that is not there: 3', () => {
    expect(audit(makePlace(), 'checkpoint')).toMatchObject({ code: 3, out: '' })
    const ran = audit(place, 'verify', '--checkpoint', 'nowhere')
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('--checkpoint nowhere cannot be read')
  })
})

describe('audit restore', () => {
  /** A backup from before the last records, under the keys of today. */
  async function broughtBack(): Promise<Place> {
    const later = copyOf(place)
    const { ledger } = await openLedger({ state: later.state, keys: later.keys, log: LOG })
    await oneCall(ledger, 70)
    await ledger.close()
    const back = copyOf(later)
    rmSync(back.state, { recursive: true })
    cpSync(place.state, back.state, { recursive: true })
    return back
  }

  test('says what is lost and puts it on record; verify goes on to name it, and what others hold', async () => {
    const back = await broughtBack()
    const held = join(dirname(back.state), 'held')
    writeFileSync(held, readFileSync(join(back.keys, 'ledger.head')))
    expect(audit(back, 'verify').code).toBe(4)
    const ran = audit(back, 'restore', '--reason', 'the volume was lost')
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toMatch(/^RESTORED {2}bank\.example\/n1\n {2}found +8 records/)
    expect(ran.out).toMatch(/lost +4 records, from seq 8\n {2}goes on +after 2026-11-24T12:00:0\d\.000Z\n/)
    expect(ran.out).toContain('ledger.restored at seq 9, epoch 2')
    const verified = audit(back, 'verify')
    expect(verified.code).toBe(0)
    expect(verified.out).toMatch(/restored +at seq 9, .*"the volume was lost"/)
    const compared = audit(back, 'verify', '--checkpoint', held)
    expect(compared.code).toBe(4)
    expect(compared.out).toContain(`${held} knows of 12 signed records`)
    expect(compared.out).toContain('ledger.restored at seq 9 says why')
    expect(seqs(audit(back, 'search', '--json', '--kind', 'ledger.restored'))).toEqual([9])
  })

  test('--json', async () => {
    const ran = audit(await broughtBack(), 'restore', '--reason', 'x', '--json')
    expect(JSON.parse(ran.out)).toMatchObject({
      found: { size: 8 },
      signed: { size: 12 },
      lost: 4,
      kind: 'rolled-back',
    })
  })

  test('where nothing is missing, without a reason, without keys: 3', () => {
    const whole = audit(copyOf(place), 'restore', '--reason', 'x')
    expect(whole.code).toBe(3)
    expect(whole.err).toContain('there is nothing to restore')
    expect(audit(place, 'restore').code).toBe(3)
    expect(audit(makePlace(), 'restore', '--reason', 'x').code).toBe(3)
  })
})

test.each([
  ['search', 1],
  ['show', 1],
  ['verify', 2],
  ['checkpoint', 1],
  ['restore', 1],
])('a state that a newer program wrote is not read: %s ends with %i', (verb, code) => {
  const newer = copyOf(place)
  writeFileSync(join(newer.state, 'version'), '{"version":4}')
  const args = verb === 'show' ? ['1'] : verb === 'restore' ? ['--reason', 'x'] : []
  const ran = audit(newer, verb, ...args)
  expect(ran).toMatchObject({ code, out: '' })
  expect(ran.err).toContain('ERR_STATE_VERSION')
})

test.each(['search', 'show', 'verify'])(
  'a ledger that cannot be read is told in a sentence, not a stack: %s',
  (verb) => {
    const broken = copyOf(place)
    const segment = newestSegment(broken)
    rmSync(segment)
    mkdirSync(segment)
    const ran = audit(broken, verb, ...(verb === 'show' ? ['1'] : []))
    expect(ran.code).toBe(verb === 'verify' ? 2 : 1)
    expect(ran.err).toContain(`The ledger in ${broken.directory} cannot be read: EISDIR`)
    expect(ran.err).not.toMatch(/^\s+at /m)
  },
)

describe('where the ledger is', () => {
  test('the configuration says it, in the current folder or by -c; a flag goes before it', () => {
    const root = dirname(place.state)
    writeFileSync(join(root, 'customhouse.yaml'), CONFIG)
    const elsewhere = makePlace()
    mkdirSync(elsewhere.state, { recursive: true })
    expect(run(root, 'audit', 'verify')).toMatchObject({ code: 0, err: '' })
    expect(run(root, 'audit', 'search', '--kind', 'policy').err).toContain('1 found')
    expect(run(elsewhere.state, 'audit', 'verify', '-c', join(root, 'customhouse.yaml')).code).toBe(0)
    const flagged = run(root, 'audit', 'verify', '--state', elsewhere.state)
    // The keys know of records, and in that folder there are none.
    expect(flagged.code).toBe(4)
    expect(flagged.err).toContain(elsewhere.directory)
    expect(run(elsewhere.state, 'audit', 'verify', '-c', 'nowhere.yaml').err).toContain('ERR_CONFIG_UNREADABLE')
  })

  test('without a configuration it is ./state and ./keys', () => {
    const bare = copyOf(place)
    expect(run(dirname(bare.state), 'audit', 'verify').code).toBe(0)
    const ran = run(bare.keys, 'audit', 'search')
    expect(ran.code).toBe(3)
    expect(ran.err).toContain(
      `There is no ledger in ${join(bare.keys, 'state', 'ledger')} (named by the default, ./state)`,
    )
  })

  test.each(['search', 'show', 'verify', 'checkpoint', 'restore'])('%s --help shows two examples', (verb) => {
    const ran = run(ROOT, 'audit', verb, '--help')
    expect(ran.code).toBe(0)
    expect(ran.out.match(new RegExp(`^ {2}customhouse audit ${verb}`, 'gm'))).toHaveLength(2)
  })
})
