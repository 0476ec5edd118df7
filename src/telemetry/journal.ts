import type { ErrorCode } from '../core/errors.ts'
import type { AuditRecord } from '../core/record.ts'
import { Distribution, WORK_SECONDS } from './distribution.ts'
import { Count, Table } from './table.ts'

/** What is counted beside calls: the ledger's commits, reloads, spans. */
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
