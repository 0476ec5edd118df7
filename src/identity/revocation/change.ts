import { CustomhouseError } from '../../core/errors.ts'
import { endOf, holds, isName, isWhy, type RevocationList, type Revoked } from './list.ts'

/** For every gateway to have looked: after it a name that was lifted is no longer told to be. */
const LIFTED_FOR_MS = 7 * 86_400_000
/** What is over stays so much longer: by a gateway's clock it may not be over yet, and it would miss the name. */
const OVER_FOR_MS = 3_600_000

export type Revoking = Readonly<{
  name: string
  /** Until when, in milliseconds since 1970; null for good. */
  until: number | null
  why: string | null
}>

/**
 * Puts names on a list, in place of what it says of them. One that is revoked for longer stays so: whoever wants it shorter lifts it first. Must throw ERR_CLI_USAGE for what is no
 * name, reason or time to come.
 */
export function revoke(list: RevocationList, wanted: Revoking, now: number): RevocationList | null {
  const { name, until, why } = wanted
  refuseNoName(name)
  if (why !== null && !isWhy(why)) {
    throw new CustomhouseError('ERR_CLI_USAGE', 'The reason must be one line of 1 to 256 characters.')
  }
  if (until !== null && until <= now)
    throw new CustomhouseError('ERR_CLI_USAGE', 'The end of it must lie in the future.')
  const before = list.revoked.find((one) => one.name === name)
  if (before !== undefined && holds(before, now) && endOf(before) >= (until ?? Number.POSITIVE_INFINITY)) return null
  const entry: Revoked = {
    name,
    at: laterAt(list, name, now),
    ...(until === null ? {} : { until: timeOf(until) }),
    ...(why === null ? {} : { why }),
  }
  return next(list, now, name, { revoked: [entry] })
}

/**
 * Takes a name off, as of now. Told too where the list lacks it, or has it lifted already: a gateway may have it from a newer list that was lost, and believes only what is
 * later. Must throw ERR_CLI_USAGE for what is no name.
 */
export function lift(list: RevocationList, name: string, now: number): RevocationList {
  refuseNoName(name)
  return next(list, now, name, { lifted: [{ name, at: laterAt(list, name, now) }] })
}

/** What is over is left out, as every gateway knows it from the entry itself. */
function next(
  list: RevocationList,
  now: number,
  name: string,
  added: Partial<Pick<RevocationList, 'revoked' | 'lifted'>>,
): RevocationList {
  const others = <T extends Readonly<{ name: string }>>(all: readonly T[]): readonly T[] =>
    all.filter((one) => one.name !== name)
  return {
    generation: list.generation + 1,
    revoked: [...others(list.revoked).filter((one) => holds(one, now - OVER_FOR_MS)), ...(added.revoked ?? [])],
    lifted: [...others(list.lifted).filter(({ at }) => Date.parse(at) > now - LIFTED_FOR_MS), ...(added.lifted ?? [])],
  }
}

/** Later than what the list says of the name now: writers' clocks differ, and gateways take the later word. */
function laterAt(list: RevocationList, name: string, now: number): string {
  const said = [...list.revoked, ...list.lifted].find((one) => one.name === name)
  return timeOf(said === undefined ? now : Math.max(now, Date.parse(said.at) + 1))
}

const timeOf = (ms: number): string => new Date(ms).toISOString()

function refuseNoName(name: string): void {
  if (!isName(name)) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      'That is no name of what can be revoked, or it is longer than 1024 characters.',
    )
  }
}
