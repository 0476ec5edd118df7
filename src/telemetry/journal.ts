import type { ErrorCode } from '../core/errors.ts'
import type { AuditRecord, RecordKind } from '../core/record.ts'
import { Distribution, WORK_SECONDS } from './distribution.ts'
import { Count, Table } from './table.ts'

/** All of them: a kind that is missing here, or too many, does not compile. */
const KINDS = {
  'call.intent': 0,
  'call.attempt_failed': 0,
  'call.outcome': 0,
  'call.abandoned': 0,
  'call.progress': 0,
  'call.denied': 0,
  'call.displaced': 0,
  'access.refused': 0,
  'policy.activated': 0,
  'policy.rejected': 0,
  'config.activated': 0,
  'config.rejected': 0,
  'identity.revoked': 0,
  'ledger.opened': 0,
  'ledger.restored': 0,
  'ledger.closed': 0,
} as const satisfies Readonly<Record<RecordKind, 0>>

/** What a reload is rejected for; others get their row with the first. */
const REJECTIONS: readonly ErrorCode[] = [
  'ERR_CONFIG_INVALID',
  'ERR_CONFIG_UNREADABLE',
  'ERR_POLICY_BUNDLE',
  'ERR_POLICY_COMPILE',
  'ERR_POLICY_BUILTIN',
  'ERR_POLICY_CANARY',
  'ERR_POLICY_TOOLCHAIN',
  'ERR_LEDGER_UNAVAILABLE',
  'ERR_GATEWAY_INTERNAL',
]

/** What is counted beside calls: the ledger's commits, reloads, spans. At 0 from the start, like `Counts`. */
export class Journal {
  readonly kinds = new Table<Count>(['kind'], () => new Count())
  readonly commits = new Distribution(WORK_SECONDS)
  readonly rejections = new Table<Count>(['code'], () => new Count())
  readonly spans = new Table<Count>(['result'], () => new Count())
  reloaded = true
  /** Unix time, milliseconds. */
  reloadedAt = Date.now()

  constructor() {
    for (const result of ['exported', 'failed', 'dropped']) this.spans.add(result, { result })
    for (const kind of Object.keys(KINDS)) this.kinds.add(kind, { kind })
    for (const code of REJECTIONS) this.rejections.add(code, { code })
  }

  /** Records that are durable; `ms` is what their commit took. */
  committed(records: readonly AuditRecord[], ms: number): void {
    this.commits.observe(ms / 1_000)
    for (const { kind } of records) {
      const row = this.kinds.find(kind) ?? this.kinds.add(kind, { kind })
      row.value += 1
    }
  }

  /** A reload was activated, or rejected for `code`. */
  reload(code: ErrorCode | null): void {
    this.reloaded = code === null
    if (code === null) {
      this.reloadedAt = Date.now()
      return
    }
    const row = this.rejections.find(code) ?? this.rejections.add(code, { code })
    row.value += 1
  }

  /** `dropped`: there was no room for them, or no time at the end. */
  spansWere(result: 'exported' | 'dropped' | 'failed', number: number): void {
    const row = this.spans.find(result) ?? this.spans.add(result, { result })
    row.value += number
  }
}
