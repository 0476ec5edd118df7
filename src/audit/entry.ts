import { canonicalString } from '../core/canonical.ts'
import { CustomhouseError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import {
  type AuditDraft,
  type AuditRecord,
  LEAF_MAX_BYTES,
  LEAF_VERSION,
  type Receipt,
  type Refused,
} from '../core/record.ts'
import { continues, type OpenIntent } from './chronicle.ts'
import { disclose, disclosureDigest, seal, sealContext, sealedDigest, sealedText } from './disclosure.ts'
import type { ContentKeys } from './keys.ts'
import { closes, type PersonalMembers, RECORD_KINDS, writeLeaf } from './leaf.ts'
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

function refused(why: Refused, message: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `The record is refused: ${message}.`, {
    detail: { refused: why },
  })
}

/** Named by size alone: the text that is too long may be anybody's. */
function tooLarge(what: string, bytes: number, most: number): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    `The record is refused: its ${what} of ${bytes} bytes passes the ${most} that are the most.`,
    { detail: { refused: 'size' satisfies Refused, bytes, most } },
  )
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
    const personal = this.#seal(draft, sealContext(this.#log, seq, id))
    const mono = String(this.#clock.mono())
    const text = writeLeaf(
      draft,
      { logJson: this.#logJson, boot: this.#boot, epoch: this.#epoch, seq, tseq, id, t: this.#time, mono },
      personal,
    )
    const textBytes = Buffer.byteLength(text)
    if (textBytes > LEAF_MAX_BYTES) throw tooLarge('leaf', textBytes, LEAF_MAX_BYTES)
    const hash = leafHash(text)
    const line = recordLine(hash, text, personal?.text ?? null)

    this.#seq = seq + 1
    this.#tenants.set(draft.tenant, tseq + 1)
    if (draft.kind === 'call.intent') this.#open.set(seq, { call: draft.call ?? '', tenant: draft.tenant })
    else if (draft.of !== undefined && closes(draft.kind)) this.#open.delete(draft.of)
    const sd = personal === null ? {} : { _sd: personal.digests, _sd_alg: 'sha-256' as const }
    const sealed = personal === null ? {} : { sealed: personal.sealed }
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
        ...sealed,
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

  /** Before the leaf is written: the leaf binds the sealed part. Null for a draft without personal fields. */
  #seal({ tenant, personal }: AuditDraft, context: string): (PersonalMembers & { readonly text: string }) | null {
    const disclosures = personal === undefined ? [] : disclose(personal)
    if (disclosures.length === 0) return null
    const size = disclosures.reduce((sum, disclosure) => sum + disclosure.length + 3, 1)
    if (size > DISCLOSURES_MAX_BYTES) throw tooLarge('sealed part', size, DISCLOSURES_MAX_BYTES)
    const { id, key } = this.#keys.sealing(tenant, this.#time.slice(0, 7))
    const text = sealedText({ k: id, x: seal(key, context, disclosures) })
    return { digests: disclosures.map(disclosureDigest).sort(), sealed: sealedDigest(text), text }
  }

  /** Every intent is closed exactly once, by a record of its own call: what breaks that is a fault of ours and stays out. */
  #checkIntent(draft: AuditDraft): void {
    if (!RECORD_KINDS.has(draft.kind)) throw refused('draft', `${draft.kind} is no kind of record`)
    if (draft.tenant === '' || draft.call === '') throw refused('draft', 'its tenant or call is empty')
    if (draft.kind === 'call.intent' && draft.call === null) throw refused('draft', 'an intent belongs to a call')
    if (!continues(draft.kind)) {
      if (draft.of !== undefined) throw refused('intent', `${draft.kind} closes nothing`)
      return
    }
    const intent = draft.of === undefined ? undefined : this.#open.get(draft.of)
    if (intent === undefined)
      throw refused('intent', `${draft.kind} of ${draft.of ?? 'nothing'}: there is no such open intent`)
    if (intent.call !== draft.call || intent.tenant !== draft.tenant)
      throw refused('intent', `the intent ${draft.of ?? ''} is of another call or tenant`)
  }
}
