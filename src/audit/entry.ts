import { canonicalString } from '../core/canonical.ts'
import { CustomhouseError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import { type AuditDraft, type AuditRecord, LEAF_MAX_BYTES, LEAF_VERSION, type Receipt } from '../core/record.ts'
import { continues, type OpenIntent } from './chronicle.ts'
import { disclose, disclosureDigest, seal, sealContext } from './disclosure.ts'
import type { ContentKeys } from './keys.ts'
import { closes, RECORD_KINDS, writeLeaf } from './leaf.ts'
import { recordLine } from './segment.ts'
import { type Hash, leafHash } from './tree.ts'

/** Wall clock (Unix milliseconds) and monotonic clock (nanoseconds). */
export type Clock = Readonly<{ now: () => number; mono: () => bigint }>
export const SYSTEM_CLOCK: Clock = { now: Date.now, mono: process.hrtime.bigint }

/** Largest sealed part before encryption, bytes; as for the leaf, larger ones are refused. */
export const DISCLOSURES_MAX_BYTES = 65_535

/** A record with its number, ready to be written. */
export type NumberedEntry = Readonly<{
  receipt: Receipt
  record: AuditRecord
  hash: Hash
  line: string
  /** Bytes of `line` in UTF-8. */
  bytes: number
}>

function refused(message: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `The record is refused: ${message}.`)
}

/** Gives drafts their numbers, in the order of calls. What it refuses gets none. */
export class Registrar {
  readonly #log: string
  readonly #logJson: string
  readonly #boot: string
  readonly #epoch: number
  readonly #clock: Clock
  readonly #keys: ContentKeys
  readonly #tenants: Map<string, number>
  readonly #open: Map<number, OpenIntent>
  #seq: number
  #instant = Number.NaN
  #time = ''

  constructor(start: {
    readonly log: string
    readonly boot: string
    readonly epoch: number
    readonly clock: Clock
    readonly keys: ContentKeys
    readonly seq: number
    readonly tenants: ReadonlyMap<string, number>
    readonly open: ReadonlyMap<number, OpenIntent>
  }) {
    this.#log = start.log
    this.#logJson = canonicalString(start.log)
    this.#boot = start.boot
    this.#epoch = start.epoch
    this.#clock = start.clock
    this.#keys = start.keys
    this.#seq = start.seq
    this.#tenants = new Map(start.tenants)
    this.#open = new Map(start.open)
  }

  get openIntents(): number {
    return this.#open.size
  }

  /** Throws ERR_GATEWAY_INTERNAL for a draft that cannot stand in the log, ERR_KEYS_STORE if there is no key to seal it with. */
  number(draft: AuditDraft): NumberedEntry {
    this.#checkIntent(draft)
    const now = this.#clock.now()
    if (now !== this.#instant) {
      this.#instant = now
      this.#time = new Date(now).toISOString()
    }
    const seq = this.#seq
    const tseq = this.#tenants.get(draft.tenant) ?? 0
    const id = newId(now)
    const disclosures = draft.personal === undefined ? [] : disclose(draft.personal)
    const digests = disclosures.length === 0 ? null : disclosures.map(disclosureDigest).sort()
    const mono = String(this.#clock.mono())
    const text = writeLeaf(
      draft,
      { logJson: this.#logJson, boot: this.#boot, epoch: this.#epoch, seq, tseq, id, t: this.#time, mono },
      digests,
    )
    const textBytes = Buffer.byteLength(text)
    if (textBytes > LEAF_MAX_BYTES) throw refused(`its leaf has ${textBytes} bytes and ${LEAF_MAX_BYTES} are the most`)
    const sealed = digests === null ? null : this.#seal(draft.tenant, sealContext(this.#log, seq, id), disclosures)
    const hash = leafHash(text)
    const line = recordLine(hash, text, sealed)

    this.#seq = seq + 1
    this.#tenants.set(draft.tenant, tseq + 1)
    if (draft.kind === 'call.intent') this.#open.set(seq, { call: draft.call ?? '', tenant: draft.tenant })
    else if (draft.of !== undefined && closes(draft.kind)) this.#open.delete(draft.of)
    const sd = digests === null ? {} : { _sd: digests, _sd_alg: 'sha-256' as const }
    const of = draft.of === undefined ? {} : { of: draft.of }
    const { body, call, kind, tenant } = draft
    return {
      receipt: { seq, tseq, id },
      record: {
        ...sd,
        body,
        boot: this.#boot,
        call,
        epoch: this.#epoch,
        id,
        kind,
        log: this.#log,
        mono,
        ...of,
        seq,
        t: this.#time,
        tenant,
        tseq,
        v: LEAF_VERSION,
      },
      hash,
      line,
      bytes: line.length - text.length + textBytes,
    }
  }

  #seal(tenant: string, context: string, disclosures: readonly string[]): { k: string; x: string } {
    const size = disclosures.reduce((sum, disclosure) => sum + disclosure.length + 3, 1)
    if (size > DISCLOSURES_MAX_BYTES)
      throw refused(`its personal fields have ${size} bytes and ${DISCLOSURES_MAX_BYTES} are the most`)
    const { id, key } = this.#keys.sealing(tenant, this.#time.slice(0, 7))
    return { k: id, x: seal(key, context, disclosures) }
  }

  /** Every intent is closed exactly once, by a record of its own call: what breaks that is a fault of ours and stays out. */
  #checkIntent(draft: AuditDraft): void {
    if (!RECORD_KINDS.has(draft.kind)) throw refused(`${draft.kind} is no kind of record`)
    if (draft.tenant === '' || draft.call === '') throw refused('its tenant or call is empty')
    if (draft.kind === 'call.intent' && draft.call === null) throw refused('an intent belongs to a call')
    if (!continues(draft.kind)) {
      if (draft.of !== undefined) throw refused(`${draft.kind} closes nothing`)
      return
    }
    const intent = draft.of === undefined ? undefined : this.#open.get(draft.of)
    if (intent === undefined) throw refused(`${draft.kind} of ${draft.of ?? 'nothing'}: there is no such open intent`)
    if (intent.call !== draft.call || intent.tenant !== draft.tenant)
      throw refused(`the intent ${draft.of ?? ''} is of another call or tenant`)
  }
}
