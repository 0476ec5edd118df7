import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { AuditRecord } from '../../../src/core/record.ts'
import { LONG } from '../../e2e/table.ts'
import { callBytes, raw, statuses } from '../../http/raw.ts'
import { type Border, openBorder, verdictOn } from './border.ts'
import { COLUMNS, type Column, callOf, modelOf } from './columns.ts'
import { expectEnd, expectRefusal, expectWhole, type Fault, type Heard, saidIn, UNRECORDED } from './native.ts'
import { held, speak, unfinished } from './rows.ts'
import {
  allBegan,
  allHeard,
  allowNoByte,
  byColumn,
  type Crowd,
  crowd,
  endingsOf,
  heardBy,
  type Outpost,
  openOutpost,
  recovered,
  SEATS,
  type Seat,
} from './seats.ts'

/**
 * The failure matrix, where one thing breaks for all who call: every column at once, over HTTP/1.1 and h2c, most of them at a process of its own.
 */

const STREAMS = SEATS.filter(({ column }) => column.streamed)

const gateOf = (): PromiseWithResolvers<void> => Promise.withResolvers<void>()

describe.each([
  {
    breaks: 'a broken policy is pushed',
    kind: 'policy.rejected',
    push: ({ policies }: Border) =>
      spoil(join(policies, 'controls/probe/probe.rego'), (text) => `${text}\nx := input.no\n`),
  },
  {
    breaks: 'a broken configuration is pushed',
    kind: 'config.rejected',
    push: ({ config }: Border) => spoil(config, (text) => text.replace('"environment"', '"enviroment"')),
  },
])('$breaks while calls are under way', ({ breaks, kind, push }) => {
  let border: Border
  let all: Crowd
  let during: ReadonlyMap<Seat, Heard>
  let after: ReadonlyMap<Seat, Heard>
  let records: readonly AuditRecord[]
  beforeAll(async () => {
    border = await openBorder({ audit: { log: 'test/pushed' } })
    all = crowd(border.customhouse.data, border.key)
    const gate = gateOf()
    border.upstreams.one.script(byColumn((column) => held(column, gate.promise)))
    const asking = all.call()
    await border.upstreams.one.waitFor(SEATS.length)
    await allBegan(asking)
    push(border)
    expect((await border.customhouse.reload()).activated).toBe(false)
    gate.resolve()
    during = await allHeard(asking)
    border.upstreams.one.script(byColumn(speak))
    after = await allHeard(all.call())
    await border.customhouse.stop()
    records = await border.records()
  })
  afterAll(async () => {
    await all?.close()
    await border?.stop()
  })

  test.each(SEATS)(`${breaks}: $title`, (seat) => {
    const [before, then] = [heardBy(during, seat), heardBy(after, seat)]
    expectWhole(seat.column, before, LONG)
    expectWhole(seat.column, then, LONG)
    expect(then.headers.get('x-customhouse-policy')).toBe(before.headers.get('x-customhouse-policy'))
    expect(endingsOf(records, seat, 'alone')).toEqual(Array(4).fill('complete'))
  })

  test(`${breaks}: it is on record, once`, async () => {
    expect(records.filter((record) => record.kind === kind)).toHaveLength(1)
    expect(border.upstreams.reached()).toEqual([2 * SEATS.length, 0])
    expect(await verdictOn(border)).toBe('verified')
  })
})

function spoil(path: string, change: (text: string) => string): void {
  const text = readFileSync(path, 'utf8')
  expect(change(text)).not.toBe(text)
  writeFileSync(path, change(text))
}

describe('a call that does not arrive', () => {
  let border: Border
  const told = new Map<string, string>()
  beforeAll(async () => {
    border = await openBorder({
      audit: { log: 'test/slow' },
      limits: { timeouts: { headers: '300ms', request: '600ms' } },
    })
    const say = async (column: Column, end: (bytes: string) => number): Promise<string> => {
      const { path, body } = callOf(column, modelOf(column.door, 'alone'))
      const fields = { ...column.door.headers, authorization: `Bearer ${border.key}` }
      const bytes = callBytes(fields, body, `POST ${path} HTTP/1.1`)
      const client = await raw(border.customhouse.data)
      client.send(bytes.slice(0, end(bytes)))
      return client.closed(15_000)
    }
    await Promise.all(
      COLUMNS.flatMap((column) => [
        say(column, (bytes) => bytes.indexOf('\r\n\r\n')).then((text) => told.set(`headers ${column.title}`, text)),
        say(column, (bytes) => bytes.length - 1).then((text) => told.set(`body ${column.title}`, text)),
      ]),
    )
  })
  afterAll(() => border?.stop())

  test.each(COLUMNS)('the headers do not end: $title', ({ title }) => {
    expect(statuses(told.get(`headers ${title}`) ?? '')).toEqual([408])
  })
  test.each(COLUMNS)('the body does not end: $title', ({ title }) => {
    expect(statuses(told.get(`body ${title}`) ?? '')).toEqual([408])
  })
  test('a call that does not arrive leaves no record of a call, and nothing is sent', async () => {
    await border.customhouse.stop()
    expect(await border.trail()).toEqual([])
    expect(border.upstreams.reached()).toEqual([0, 0])
  })
})

/** The ledger of a real process cannot write from the moment at which `stage` has its calls. Everything is read after the next start. */
function broken(breaks: string, stage: (outpost: Outpost) => Promise<ReadonlyMap<Seat, Heard>>) {
  const seen: { heard: ReadonlyMap<Seat, Heard>; records: readonly AuditRecord[]; reached: number; verdict: string } = {
    heard: new Map(),
    records: [],
    reached: 0,
    verdict: '',
  }
  let outpost: Outpost
  beforeAll(async () => {
    outpost = await openOutpost()
    seen.heard = await stage(outpost)
    seen.reached = outpost.upstreams.reached()[0] - SEATS.length
    expect(await outpost.served.exited, breaks).toBe(5)
    seen.records = await recovered(outpost.ground)
    seen.verdict = await verdictOn(outpost.ground)
  })
  afterAll(() => outpost?.close())
  return seen
}

describe('the ledger cannot write before the intent', () => {
  const seen = broken('before the intent', async ({ served, crowd: all }) => {
    const gate = gateOf()
    const asking = all.call({ until: gate.promise })
    allowNoByte(served)
    gate.resolve()
    return allHeard(asking)
  })

  test.each(SEATS)('the ledger cannot write before the intent: $title', (seat) => {
    const heard = heardBy(seen.heard, seat)
    expectRefusal(seat.column, heard, UNRECORDED)
    expect(heard.headers.get('retry-after')).toBe('5')
    expect(seen.records.filter(({ call }) => call === heard.call)).toEqual([])
    // Those that it served before.
    expect(endingsOf(seen.records, seat, 'alone')).toEqual(['complete', 'complete'])
  })
  test('the ledger cannot write before the intent: nothing is sent, and it verifies', () => {
    expect(seen.reached).toBe(0)
    expect(seen.verdict).toBe('verified')
  })
})

describe('the ledger cannot write at the outcome', () => {
  const seen = broken('at the outcome', async ({ served, crowd: all, upstreams }) => {
    const gate = gateOf()
    upstreams.one.script(byColumn((column) => unfinished(column, gate.promise)))
    const asking = all.call()
    await upstreams.one.waitFor(2 * SEATS.length)
    await allBegan(asking)
    allowNoByte(served)
    gate.resolve()
    return allHeard(asking)
  })

  test.each(SEATS)('the ledger cannot write at the outcome: $title', (seat) => {
    expectEnd(seat.column, heardBy(seen.heard, seat), UNRECORDED, LONG)
    expect(endingsOf(seen.records, seat, 'alone').toSorted()).toEqual([
      'call.abandoned',
      'call.abandoned',
      'complete',
      'complete',
    ])
  })
  test('the ledger cannot write at the outcome: each was sent once, and it verifies', () => {
    expect(seen.reached).toBe(SEATS.length)
    expect(seen.verdict).toBe('verified')
  })
})

describe('the ledger cannot write in mid-stream', () => {
  const seen = broken('in mid-stream', async ({ served, crowd: all, upstreams }) => {
    upstreams.one.script(byColumn((column) => held(column, new Promise(() => undefined))))
    const asking = all.call({}, STREAMS)
    await allBegan(asking)
    allowNoByte(served)
    // Another call is the one at which it is noticed.
    const whole = SEATS.filter(({ column }) => !column.streamed)
    const others = await allHeard(all.call({}, whole))
    return new Map([...others, ...(await allHeard(asking))])
  })

  test.each(STREAMS)('the ledger cannot write in mid-stream: $title', (seat) => {
    expectEnd(seat.column, heardBy(seen.heard, seat), UNRECORDED, LONG)
    expect(endingsOf(seen.records, seat, 'alone').toSorted()).toEqual([
      'call.abandoned',
      'call.abandoned',
      'complete',
      'complete',
    ])
  })
  test('the ledger cannot write in mid-stream: who calls then is told so, nothing more is sent, and it verifies', () => {
    for (const [seat, heard] of seen.heard) if (!seat.column.streamed) expectEnd(seat.column, heard, UNRECORDED, LONG)
    expect(seen.reached).toBe(STREAMS.length)
    expect(seen.verdict).toBe('verified')
  })
})

describe('kill -9', () => {
  let outpost: Outpost
  let heard: ReadonlyMap<Seat, Heard>
  let records: readonly AuditRecord[]
  beforeAll(async () => {
    outpost = await openOutpost()
    const { upstreams, served } = outpost
    upstreams.one.script(byColumn((column) => held(column, new Promise(() => undefined))))
    const asking = outpost.crowd.call()
    await upstreams.one.waitFor(2 * SEATS.length)
    await allBegan(asking)
    process.kill(served.pid, 'SIGKILL')
    heard = await allHeard(asking)
    records = await recovered(outpost.ground)
  })
  afterAll(() => outpost?.close())

  test.each(SEATS)('kill -9 in the middle of a call: $title', (seat) => {
    const { status, broken: reset, body } = heardBy(heard, seat)
    const { streamed } = seat.column
    expect({ status, reset }).toEqual({ status: streamed ? 200 : null, reset: true })
    if (streamed) expect(LONG.startsWith(saidIn(seat.column, body) || 'nothing')).toBe(true)
    expect(endingsOf(records, seat, 'alone').toSorted()).toEqual([
      'call.abandoned',
      'call.abandoned',
      'complete',
      'complete',
    ])
  })
  test('kill -9 in the middle of a call: what was open is closed before the port opens, and it verifies', async () => {
    const abandoned = records.filter(({ kind }) => kind === 'call.abandoned')
    expect(abandoned).toHaveLength(SEATS.length)
    for (const { body } of abandoned) expect(body.reason).toBe('crash')
    expect(await verdictOn(outpost.ground)).toBe('verified')
  })
})

describe('SIGTERM', () => {
  const DRAINED: Fault = { status: 503, code: 'gateway_draining', says: 'stopping' }
  let outpost: Outpost
  let ended: ReadonlyMap<Seat, Heard>
  let cut: ReadonlyMap<Seat, Heard>
  let records: readonly AuditRecord[]
  beforeAll(async () => {
    outpost = await openOutpost({ drain: { pre_stop_delay: '0ms', timeout: '3s' } })
    const { upstreams, served } = outpost
    const gate = gateOf()
    upstreams.one.script(byColumn((column) => held(column, gate.promise)))
    upstreams.two.script(byColumn((column) => held(column, new Promise(() => undefined))))
    const ending = outpost.crowd.call()
    const staying = outpost.crowd.call({ route: 'second' })
    await upstreams.one.waitFor(2 * SEATS.length)
    await upstreams.two.waitFor(SEATS.length)
    await allBegan(ending)
    await allBegan(staying)
    process.kill(served.pid, 'SIGTERM')
    await vi.waitFor(async () => expect((await fetch(`${served.admin}/readyz`)).status).toBe(503), { timeout: 10_000 })
    gate.resolve()
    ended = await allHeard(ending)
    cut = await allHeard(staying)
    expect(await served.exited).toBe(0)
    records = await outpost.ground.records()
  })
  afterAll(() => outpost?.close())

  test.each(SEATS)('SIGTERM, and the answer ends in time: $title', (seat) => {
    expectWhole(seat.column, heardBy(ended, seat), LONG)
    expect(endingsOf(records, seat, 'alone')).toEqual(Array(4).fill('complete'))
  })
  test.each(SEATS)('SIGTERM, and the time is over: $title', (seat) => {
    expectEnd(seat.column, heardBy(cut, seat), DRAINED, LONG)
    expect(endingsOf(records, seat, 'second')).toEqual(['drained', 'drained'])
  })
  test('SIGTERM: each was sent once, and the ledger verifies', async () => {
    expect(outpost.upstreams.reached()).toEqual([2 * SEATS.length, SEATS.length])
    expect(await verdictOn(outpost.ground)).toBe('verified')
  })
})
