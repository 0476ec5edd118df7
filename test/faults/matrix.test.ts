import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditRecord } from '../../src/core/record.ts'
import { CLOSING_KINDS } from '../../src/core/record.ts'
import { LONG } from '../e2e/table.ts'
import { overH2c, type Transport } from '../e2e/transport.ts'
import { ask } from './matrix/ask.ts'
import { type Border, openBorder, verdictOn } from './matrix/border.ts'
import { COLUMNS, type Column } from './matrix/columns.ts'
import { expectCutOff, expectProviders, expectRefusal, expectWhole, type Heard } from './matrix/native.ts'
import { CLIENTS, INSPECTORS, POLICY, PROVIDERS, type Row, type Sees, STRANGERS, speak } from './matrix/rows.ts'

/**
 * The failure matrix: what breaks, by what is asked for. One gateway with the real engine, ledger and providers at its sockets; one call at a
 * time. What all columns meet at once, and what needs a process of its own, is in matrix/together.test.ts.
 */

let border: Border
let h2c: Transport
/** How often each code was counted, as the rows expect it. */
const counted: Record<string, number> = {}

beforeAll(async () => {
  border = await openBorder({
    // Beyond its share of the main thread's time the tenant's evaluations wait for the worker, however slow the machine is.
    limits: { timeouts: { inspect: '100ms' }, policy: { time: '30s' } },
    audit: { log: 'test/matrix' },
  })
  h2c = overH2c(border.customhouse.data)
})
afterAll(async () => {
  await h2c?.close()
  await border?.stop()
})

function expectSeen(sees: Sees, column: Column, heard: Heard): void {
  if (sees === 'nothing') expect(heard.broken).toBe(true)
  else if (sees === 'whole') expectWhole(column, heard, LONG)
  else if ('refused' in sees) expectRefusal(column, heard, sees.refused)
  else if ('cutOff' in sees) expectCutOff(column, heard, sees.cutOff, LONG)
  else expectProviders(column, heard, sees.providers, sees.says)
}

async function breakIt(row: Row, column: Column, send: typeof fetch | undefined): Promise<void> {
  const { upstreams, probe, key, customhouse } = border
  const gate = Promise.withResolvers<void>()
  const before = upstreams.reached()
  upstreams.one.script(() => (row.plays ?? speak)(column, gate.promise))
  upstreams.two.script(() => speak(column))
  const inspector = row.case === 'inspect throws' || row.case === 'inspect hangs' ? row.case : null
  if (inspector !== null) probe.faults.add(inspector)
  const asking = ask(column, {
    origin: customhouse.data,
    key,
    ...(row.route === undefined ? {} : { route: row.route }),
    ...(row.case === undefined || inspector !== null ? {} : { case: row.case }),
    ...(send === undefined ? {} : { send }),
    ...row.call,
  })
  if (row.act !== undefined) {
    await (row.act.once === 'arrived' ? upstreams.one.waitFor(before[0] + 1) : asking.began)
    row.act.does(border, asking)
  }
  gate.resolve()
  const heard = await asking.heard
  const trail = await border.trailOfLast(row.trail.length)
  probe.faults.clear()

  expectSeen(row.sees(column), column, heard)
  const [one, two] = upstreams.reached()
  expect([one - before[0], two - before[1]]).toEqual(row.reached)
  expect(trail.map(({ kind }) => kind)).toEqual(row.trail)
  expect(trail.at(-1)?.body ?? {}).toMatchObject(row.last?.(column) ?? {})
  for (const { call } of trail) if (heard.call !== '') expect(call).toBe(heard.call)
  if (row.reached[0] === 1 && row.sees(column) === 'nothing')
    expect(await upstreams.one.requests.at(-1)?.answered).toBe('client_gone')
  if (row.counted !== undefined) counted[row.counted] = (counted[row.counted] ?? 0) + 1
}

/** The next call of the same dialect is none the worse. */
async function works(column: Column, send: typeof fetch | undefined): Promise<void> {
  border.upstreams.one.script(() => speak(column))
  const { heard } = ask(column, {
    origin: border.customhouse.data,
    key: border.key,
    ...(send === undefined ? {} : { send }),
  })
  expectWhole(column, await heard, LONG)
  expect((await border.trailOfLast(2)).map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
}

describe.each([...POLICY, ...INSPECTORS, ...STRANGERS, ...PROVIDERS, ...CLIENTS])('$breaks', (row) => {
  const columns = COLUMNS.filter(row.where ?? (() => true))
  test.each(columns)(`${row.breaks}: $title`, async (column) => {
    await breakIt(row, column, undefined)
    await works(column, undefined)
  })
  if (row.h2c === undefined) return
  test.each(columns)(`${row.breaks}: $title, over h2c`, async (column) => {
    await breakIt(row, column, h2c.send)
    await works(column, h2c.send)
  })
})

test('in the end: every intent is closed once, what left no record was counted, and the ledger verifies', async () => {
  await border.customhouse.stop()
  const records = await border.records()
  const seqs = (of: (record: AuditRecord) => boolean, what: (record: AuditRecord) => number | undefined) =>
    records
      .filter(of)
      .map(what)
      .toSorted((a = 0, b = 0) => a - b)
  expect(
    seqs(
      ({ kind }) => CLOSING_KINDS.includes(kind),
      ({ of }) => of,
    ),
  ).toEqual(
    seqs(
      ({ kind }) => kind === 'call.intent',
      ({ seq }) => seq,
    ),
  )
  const sums: Record<string, number> = {}
  for (const { kind, body } of records) {
    if (kind !== 'access.refused') continue
    for (const [code, count] of Object.entries(body.counts ?? {})) sums[code] = (sums[code] ?? 0) + Number(count)
  }
  expect(sums).toEqual(counted)
  expect(await verdictOn(border)).toBe('verified')
})
