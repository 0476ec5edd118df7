import { CustomhouseError } from '../../core/errors.ts'
import type { RevocationList } from './list.ts'

/** A list as it was looked at. `version` is another one whenever the list is. */
export type Look = Readonly<{ version: string; list: RevocationList }>

/**
 * What several gateways share. A list that is not there is an error everywhere but in `make`: one that was lost must never pass for one on which nobody stands.
 * Every method must reject within seconds where the store does not answer.
 */
export interface RevocationStore {
  /** Where it is, for people; without a password. */
  readonly where: string
  /** Null where it is still `version`. Rejects with ERR_KEYS_STORE for one that is damaged or absent, ERR_IDENTITY_UNAVAILABLE where the store does not answer. */
  look(version: string | null): Promise<Look | null>
  /**
   * Replaces the list by what `work` makes of it, as its only writer: after a crash the old one is there or the new one. `work` may be called again, and gives null to
   * leave the list as it is.
   */
  change(work: (list: RevocationList) => RevocationList | null): Promise<RevocationList>
  /** Makes an empty list. Rejects with ERR_CLI_USAGE where there is one, damaged or not. */
  make(): Promise<void>
  close(): Promise<void>
}

export function absent(where: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_KEYS_STORE',
    `There is no list of what is revoked in ${where}. If there has been one, restore it from a backup; if not, \`customhouse revoke init\` makes it.`,
  )
}

export function present(where: string): CustomhouseError {
  return new CustomhouseError('ERR_CLI_USAGE', `There is a list of what is revoked in ${where} already.`)
}
