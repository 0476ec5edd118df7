import { accessKeyIdOf } from './pair.ts'
import { live, type StoredKey } from './store.ts'

/** A key as it may be shown: everything but its secrets. */
export type KeyView = Readonly<{
  id: string
  subject: string
  tenant: string
  groups: readonly string[]
  created: string
  expiresAt: string | null
  revokedAt: string | null
  status: 'live' | 'rotating' | 'expired' | 'revoked'
  /** When each secret that is still accepted ends; null for the one without an end. */
  secrets: readonly Readonly<{ created: string; ends: string | null }>[]
  /** The same for its pairs for AWS SDKs; the newest is last. */
  aws: readonly Readonly<{ accessKeyId: string; created: string; ends: string | null }>[]
}>

export function statusOf(key: StoredKey, now: number): KeyView['status'] {
  if (key.revoked_at !== undefined) return 'revoked'
  if (key.expires_at !== undefined && Date.parse(key.expires_at) <= now) return 'expired'
  return live(key.secrets, now).length > 1 ? 'rotating' : 'live'
}

export function viewOf(key: StoredKey, now: number): KeyView {
  return {
    id: key.id,
    subject: key.subject,
    tenant: key.tenant,
    groups: key.groups,
    created: key.created,
    expiresAt: key.expires_at ?? null,
    revokedAt: key.revoked_at ?? null,
    status: statusOf(key, now),
    secrets: live(key.secrets, now).map(({ created, ends }) => ({ created, ends: ends ?? null })),
    aws: live(key.aws ?? [], now).map(({ id, created, ends }) => ({
      accessKeyId: accessKeyIdOf(key.id, id),
      created,
      ends: ends ?? null,
    })),
  }
}
