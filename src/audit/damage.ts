import { CustomhouseError } from '../core/errors.ts'

/** What is wrong with a log. The words are stable: scripts read them. */
export type DamageKind =
  | 'segment' // a segment is missing, or does not follow the one before it
  | 'header' // the first line of a segment is not a header of this log at this place
  | 'line' // a line is none of the format
  | 'leaf-hash' // a leaf is not the one that was hashed
  | 'canonical' // a leaf's bytes are not its canonical form
  | 'field' // a member of a leaf is missing, unknown or of the wrong shape
  | 'log' // a leaf of another log
  | 'seq' // a number is missing, doubled or out of order
  | 'tseq' // the same within a tenant
  | 'epoch' // a leaf of a writer that was superseded
  | 'intent' // a record closes what is not open
  | 'disclosure' // the sealed part is not the one of this leaf
  | 'root' // the leaves do not give the root of their commit
  | 'trailer' // a seal that does not fit, or something after it
  | 'checkpoint' // the leaves do not give the root that was signed
  | 'signature' // a checkpoint is not signed by the key
  | 'rolled-back' // less than what was signed

/** Damage and its place: `line` counts from 1, `byte` from 0 in the segment's file; null where there is none. */
export type Damage = Readonly<{
  kind: DamageKind
  segment: string | null
  line: number | null
  byte: number | null
  seq: number | null
  field: string | null
  message: string
}>

/** Where something stands. */
export type Place = Readonly<{ segment: string; line: number; byte: number }>

export function damageAt(
  kind: DamageKind,
  place: Place | null,
  message: string,
  more: { readonly seq?: number; readonly field?: string } = {},
): Damage {
  return {
    kind,
    segment: place?.segment ?? null,
    line: place?.line ?? null,
    byte: place?.byte ?? null,
    seq: more.seq ?? null,
    field: more.field ?? null,
    message,
  }
}

/** One line that says what and where. */
export function describeDamage(damage: Damage): string {
  const place = damage.segment === null ? '' : ` in ${damage.segment} line ${damage.line} byte ${damage.byte}`
  const seq = damage.seq === null ? '' : ` at seq ${damage.seq}`
  const field = damage.field === null ? '' : ` (${damage.field})`
  return `${damage.kind}${place}${seq}${field}: ${damage.message}`
}

export function corrupt(damage: Damage): CustomhouseError {
  return new CustomhouseError(
    'ERR_LEDGER_CORRUPT',
    `The ledger is damaged and is not opened: ${describeDamage(damage)}`,
    {
      detail: { kind: damage.kind, segment: damage.segment ?? '', seq: damage.seq ?? -1 },
    },
  )
}
