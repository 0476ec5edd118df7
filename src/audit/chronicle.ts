import type { Leaf, RecordKind } from '../core/record.ts'
import type { DamageKind } from './damage.ts'
import { closes } from './leaf.ts'
import { Frontier, type Hash } from './tree.ts'

/** An intent that no record has closed yet, and the newest `call.progress` of it: its number, and the bytes that were released by then. */
export type OpenIntent = Readonly<{ call: string; tenant: string; progress?: Progress }>
export type Progress = Readonly<{ seq: number; bytes: number }>

/** What a leaf breaks. */
export type Breach = Readonly<{ kind: DamageKind; field: string; message: string }>

/** A chronicle as plain data, for the snapshot. */
export type ChronicleState = Readonly<{
  log: string
  epoch: number
  size: number
  roots: readonly Hash[]
  tenants: Readonly<Record<string, number>>
  open: readonly Readonly<OpenIntent & { seq: number }>[]
}>

/**
 * A log up to some leaf: all that is needed to say whether the next one may follow. Writer, recovery and verifier keep one each,
 * so what the verifier demands is what the writer keeps.
 */
export class Chronicle {
  readonly log: string
  readonly tree: Frontier
  /** Records of each tenant. */
  readonly tenants: Map<string, number>
  /** Open intents by sequence number. */
  readonly open: Map<number, OpenIntent>
  epoch: number

  constructor(log: string, state?: ChronicleState) {
    this.log = log
    this.tree = new Frontier(state?.size, state?.roots)
    this.tenants = new Map(Object.entries(state?.tenants ?? {}))
    this.open = new Map(state?.open.map(({ seq, ...intent }) => [seq, intent]))
    this.epoch = state?.epoch ?? 0
  }

  /** Why `leaf` must not follow; null if it may. */
  breach(leaf: Leaf): Breach | null {
    if (leaf.log !== this.log) return { kind: 'log', field: 'log', message: `the leaf belongs to ${leaf.log}` }
    if (leaf.seq !== this.tree.size)
      return { kind: 'seq', field: 'seq', message: `seq ${this.tree.size} was due, not ${leaf.seq}` }
    const due = this.tenants.get(leaf.tenant) ?? 0
    if (leaf.tseq !== due)
      return { kind: 'tseq', field: 'tseq', message: `tseq ${due} of tenant ${leaf.tenant} was due, not ${leaf.tseq}` }
    if (leaf.epoch !== this.epoch && leaf.epoch !== this.epoch + 1) {
      return { kind: 'epoch', field: 'epoch', message: `epoch ${this.epoch} or the next was due, not ${leaf.epoch}` }
    }
    return this.#intentBreach(leaf)
  }

  #intentBreach(leaf: Leaf): Breach | null {
    const fault = (field: string, message: string): Breach => ({ kind: 'intent', field, message })
    if (leaf.kind === 'call.intent' && leaf.call === null) return fault('call', 'an intent of no call')
    if (leaf.kind === 'ledger.opened' && this.open.size > 0)
      return fault('kind', `${this.open.size} intents outlived a crash`)
    if (!continues(leaf.kind)) return leaf.of === undefined ? null : fault('of', 'this kind closes nothing')
    const intent = leaf.of === undefined ? undefined : this.open.get(leaf.of)
    if (intent === undefined) return fault('of', `there is no open intent ${leaf.of ?? ''}`)
    if (intent.call !== leaf.call || intent.tenant !== leaf.tenant)
      return fault('of', 'the intent is of another call or tenant')
    return null
  }

  /** Appends a leaf that breaches nothing. */
  append(leaf: Pick<Leaf, 'kind' | 'tenant' | 'tseq' | 'call' | 'of' | 'seq' | 'epoch' | 'body'>, hash: Hash): void {
    this.tree.append(hash)
    this.epoch = leaf.epoch
    this.tenants.set(leaf.tenant, leaf.tseq + 1)
    if (leaf.kind === 'call.intent') this.open.set(leaf.seq, { call: leaf.call ?? '', tenant: leaf.tenant })
    else if (leaf.of !== undefined && closes(leaf.kind)) this.open.delete(leaf.of)
    else if (leaf.of !== undefined && leaf.kind === 'call.progress') this.#progress(leaf.of, leaf)
  }

  #progress(of: number, { seq, body }: Pick<Leaf, 'seq' | 'body'>): void {
    const intent = this.open.get(of)
    const bytes = typeof body.bytes === 'number' ? body.bytes : 0
    if (intent !== undefined) this.open.set(of, { ...intent, progress: { seq, bytes } })
  }

  state(): ChronicleState {
    return {
      log: this.log,
      epoch: this.epoch,
      size: this.tree.size,
      roots: [...this.tree.roots],
      tenants: Object.fromEntries(this.tenants),
      open: [...this.open].map(([seq, intent]) => ({ seq, ...intent })),
    }
  }
}

/** Whether a record of this kind must name an open intent. */
export function continues(kind: RecordKind): boolean {
  return closes(kind) || kind === 'call.progress' || kind === 'call.displaced'
}
