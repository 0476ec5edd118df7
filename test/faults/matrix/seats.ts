import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import type { AuditRecord } from '../../../src/core/record.ts'
import { CLOSING_KINDS } from '../../../src/core/record.ts'
import { LONG } from '../../e2e/table.ts'
import { overH2c, type Transport } from '../../e2e/transport.ts'
import type { Ground } from '../../house.ts'
import type { Script } from '../../kit/index.ts'
import { type Served, serve } from '../../serve.ts'
import { type Asked, type Asking, ask } from './ask.ts'
import { layBorder, type Upstreams } from './border.ts'
import { COLUMNS, type Column, columnOf, modelOf, type Route } from './columns.ts'
import { expectWhole, type Heard } from './native.ts'
import { speak } from './rows.ts'

/** One client of many that call at the same time: a column over one of the two protocols. */
export type Seat = Readonly<{ title: string; column: Column; h2c: boolean }>

export const SEATS: readonly Seat[] = COLUMNS.flatMap((column) => [
  { title: column.title, column, h2c: false },
  { title: `${column.title}, over h2c`, column, h2c: true },
])

/** Calls of all seats at once, against the same gateway. */
export type Crowd = Readonly<{
  call(asked?: Partial<Asked>, seats?: readonly Seat[]): ReadonlyMap<Seat, Asking>
  close(): Promise<void>
}>

export function crowd(origin: string, key: string): Crowd {
  const h2c: Transport = overH2c(origin)
  return {
    call: (asked = {}, seats = SEATS) =>
      new Map(
        seats.map((seat) => [
          seat,
          ask(seat.column, { origin, key, ...(seat.h2c ? { send: h2c.send } : {}), ...asked }),
        ]),
      ),
    close: h2c.close,
  }
}

/** What all heard in the end. */
export async function allHeard(asking: ReadonlyMap<Seat, Asking>): Promise<ReadonlyMap<Seat, Heard>> {
  return new Map(await Promise.all([...asking].map(async ([seat, { heard }]) => [seat, await heard] as const)))
}

/** Every stream has begun to speak. */
export async function allBegan(asking: ReadonlyMap<Seat, Asking>): Promise<void> {
  await Promise.all([...asking].map(([{ column }, { began }]) => (column.streamed ? began : undefined)))
}

export function heardBy(heard: ReadonlyMap<Seat, Heard>, seat: Seat): Heard {
  const found = heard.get(seat)
  if (found === undefined) throw new Error(`${seat.title} heard nothing`)
  return found
}

/** The script of each request by its column. */
export const byColumn =
  (play: (column: Column) => Script) =>
  (request: Readonly<{ path: string; body: Buffer }>): Script =>
    play(columnOf(request))

/** A gateway as a process of its own, with every seat's connection open already: all of them were served once. */
export type Outpost = Readonly<{
  ground: Ground
  upstreams: Upstreams
  served: Served
  crowd: Crowd
  /** Ends it, however far it came; the recorders too. */
  close(): Promise<void>
}>

export const ENV = { NODE_COMPILE_CACHE: join(tmpdir(), 'customhouse-test-compile-cache') }

export async function openOutpost(config: Readonly<Record<string, Json>> = {}): Promise<Outpost> {
  const laid = await layBorder(config)
  return man(laid, await serve(laid.ground, { env: ENV }))
}

/** A process that runs already, once all were served. */
export async function man(
  { ground, upstreams }: Readonly<{ ground: Ground; upstreams: Upstreams }>,
  served: Served,
): Promise<Outpost> {
  const all = crowd(new URL(served.baseURL).origin, ground.key)
  upstreams.one.script(byColumn(speak))
  upstreams.two.script(byColumn(speak))
  for (const [{ column }, heard] of await allHeard(all.call())) expectWhole(column, heard, LONG)
  return {
    ground,
    upstreams,
    served,
    crowd: all,
    close: async () => {
      served.child.kill('SIGKILL')
      await served.exited
      await all.close()
      await upstreams.close()
      ground.remove()
    },
  }
}

/** Every file that the process writes from now on is too long already: its writes fail. */
export function allowNoByte({ pid }: Served): void {
  execFileSync('prlimit', [`--pid=${pid}`, '--fsize=1:1'])
}

/** Starts the gateway again and reads what is on record when it listens; then it is stopped. */
export async function recovered(ground: Ground): Promise<readonly AuditRecord[]> {
  const again = await serve(ground, { env: ENV })
  try {
    return await ground.records()
  } finally {
    again.child.kill('SIGTERM')
    expect(await again.exited).toBe(0)
  }
}

/** How the intents of a seat's column were closed, oldest first; each by exactly one record, or it throws. */
export function endingsOf(records: readonly AuditRecord[], { column }: Seat, route: Route): readonly string[] {
  return records
    .filter(
      ({ kind, body }) =>
        kind === 'call.intent' && body.model === modelOf(column.door, route) && body.stream === column.streamed,
    )
    .map(({ seq }) => {
      const closing = records.filter(({ kind, of }) => of === seq && CLOSING_KINDS.includes(kind))
      expect(closing).toHaveLength(1)
      return closing[0]?.kind === 'call.outcome' ? String(closing[0].body.ending) : String(closing[0]?.kind)
    })
}
