import { counter, type Family, gauge, histogram, number } from './families.ts'
import type { Journal } from './journal.ts'
import type { Count, Table } from './table.ts'

/** What is read of the house at a scrape. */
export type House = Readonly<{
  /** Revision of the active policy. */
  revision: () => string
  /** Whether what is active is known to be what is wanted (`reload.stale_after`). */
  fresh: () => boolean
  ledger: () => LedgerState
  /** Connections to the data port. */
  connections: () => Promise<number>
  /** Bytes in memory: of calls, of answers that wait for their readers. */
  bodies: () => Readonly<{ calls: number; answers: number }>
}>

export type LedgerState = Readonly<{
  ok: boolean
  /** Records that wait to be durable. */
  queue: number
  /** Intents without an end. */
  open: number
  /** Records in the log. */
  size: number
  /** Bytes left on its volume; null: not known yet. */
  free: number | null
  /** Unix time of the newest signed checkpoint, milliseconds; null: none yet. */
  checkpointAt: number | null
  /** Records that it covers. */
  checkpointSize: number
  epoch: number
}>

/** Rows of a table that only counts. */
export function countsOf(table: Table<Count>): () => Iterable<readonly [labels: string, number]> {
  return function* () {
    for (const [labels, row] of table) yield [labels, row.value]
  }
}

/** @param house null while the gateway starts: then there is little to tell of it */
export function ledgerFamilies(journal: Journal, house: () => House | null): readonly Family[] {
  const ledger = (name: string, help: string, read: (state: LedgerState) => number | null): Family =>
    number({ name, help }, () => {
      const state = house()?.ledger()
      return state === undefined ? null : read(state)
    })
  return [
    counter({ name: 'gw_audit_records_total', help: 'Records made durable.' }, countsOf(journal.kinds)),
    histogram({ name: 'gw_audit_append_duration_seconds', help: 'One commit: write and fdatasync.' }, () => [
      ['', journal.commits],
    ]),
    ledger('gw_audit_queue_depth', 'Records that wait to be durable.', ({ queue }) => queue),
    // 0 where there is none: one that never comes is told as old, and not left out.
    ledger(
      'gw_audit_last_checkpoint_timestamp_seconds',
      'The newest signed checkpoint.',
      ({ checkpointAt }) => (checkpointAt ?? 0) / 1_000,
    ),
    // A start that waits for room takes no record either.
    number({ name: 'gw_audit_chain_ok', help: 'Whether the ledger takes records.' }, () =>
      house()?.ledger().ok === true ? 1 : 0,
    ),
    ledger('gw_audit_open_intents', 'Dispatches without an end on record.', ({ open }) => open),
    ledger('gw_audit_size', 'Records in the log.', ({ size }) => size),
    ledger('gw_audit_unsigned', 'Records that no checkpoint covers yet.', ({ size, checkpointSize }) =>
      Math.max(0, size - checkpointSize),
    ),
    ledger('gw_audit_free_bytes', "Room on the ledger's volume.", ({ free }) => free),
    ledger('gw_audit_epoch', 'How often the log was opened.', ({ epoch }) => epoch),
  ]
}

export function versionFamilies(journal: Journal, house: () => House | null): readonly Family[] {
  return [
    gauge({ name: 'gw_policy_bundle_info', help: 'The active policy.' }, () => {
      const revision = house()?.revision()
      return revision === undefined ? [] : [[{ revision: revision.slice(0, 128) }, 1]]
    }),
    number({ name: 'gw_policy_fresh', help: 'Whether what is active is known to be what is wanted.' }, () => {
      const fresh = house()?.fresh()
      return fresh === undefined ? null : fresh ? 1 : 0
    }),
    number({ name: 'gw_config_last_reload_successful', help: 'Whether the last reload was activated.' }, () =>
      journal.reloaded ? 1 : 0,
    ),
    number(
      {
        name: 'gw_config_last_reload_success_timestamp_seconds',
        help: 'The last reload, or start, that was.',
      },
      () => journal.reloadedAt / 1_000,
    ),
    counter(
      { name: 'gw_config_rejections_total', help: 'Reloads that changed nothing.' },
      countsOf(journal.rejections),
    ),
  ]
}

/** @param connections null while the data port is not open */
export function socketFamilies(house: () => House | null, connections: () => number | null): readonly Family[] {
  return [
    number({ name: 'gw_connections', help: 'Connections to the data port.' }, connections),
    gauge({ name: 'gw_body_bytes', help: 'Bodies in memory.' }, () => {
      const bodies = house()?.bodies()
      if (bodies === undefined) return []
      return [
        [{ of: 'calls' }, bodies.calls],
        [{ of: 'answers' }, bodies.answers],
      ]
    }),
  ]
}
