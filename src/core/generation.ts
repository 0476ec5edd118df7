import type { Target } from './call.ts'
import type { Decider } from './decision.ts'
import type { Plugin } from './plugin.ts'
import type { Catalogue, Provider } from './port.ts'

/**
 * Everything that a call is judged by and sent through, as one immutable value. A reload makes a new one and swaps the reference;
 * calls in flight keep theirs for the attempt they are in, and are judged again by the new one for the next.
 */
export type Generation = Readonly<{
  /** Counts up; in records, so that each decision can be tied to what was active. */
  number: number
  configDigest: string
  environment: string
  decider: Decider
  /** Controls that must say `satisfied`, from the bundle's metadata and the configuration. */
  controls: readonly string[]
  plugins: readonly Plugin[]
  catalogue: Catalogue
  providers: ReadonlyMap<string, Provider>
  /** Candidate targets by the model name that clients use, in the order of the route. */
  models: ReadonlyMap<string, readonly Target[]>
  tenants: ReadonlySet<string>
  limits: Limits
}>

/** Bounds of one call. Times in milliseconds. */
export type Limits = Readonly<{
  answerBytes: number
  inspectMs: number
  firstByteMs: number
  idleMs: number
  totalMs: number
  /** An answer held for inspection is refused beyond this many UTF-16 units. */
  heldCharacters: number
  /** A streamed answer is on record so far after so much time, or so many bytes released. */
  progressMs: number
  progressBytes: number
}>
