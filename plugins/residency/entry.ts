import type { Residency } from '../../src/core/call.ts'
import type { Stamp } from './layers.ts'

/**
 * What an address says of the model or deployment that it is for: the name itself, that the body's `model` is the name, that there is none (so the whole host
 * is in one place, or nobody can tell), or that two readers could read it differently.
 */
export type Naming = Readonly<{ name: string }> | 'body' | 'none' | 'unclear'

/** A row that says where something is. */
export type Told = Readonly<{ row: string; stamp: Stamp }>

/** Hosts where a name decides where inference runs. */
export type Names = Readonly<{
  /** `path` begins with a slash. */
  nameIn(path: string): Naming
  /** Where what has this name runs and is kept. */
  of(name: string): Residency
  /** The row of the model that says so; null where it is the host's own. */
  rowOf(name: string): Told | null
  /** Where nobody can tell the name. */
  unnamed: Residency
}>

/** What a provider says of some of its hosts, groups already replaced by codes. */
export type Entry = Readonly<{
  id: string
  hosts: readonly string[]
  /** Where text goes at the least; of a resource of Azure wherever one of its listed deployments runs. */
  residency: Residency
  /** Of AWS, where Bedrock answers: what it says then holds for models that run in the region. Null: there is no such region. */
  region: string | null
  /** Null where all that is sent there goes to one place. */
  names: Names | null
  /** Places of inference by the word of the body's `inference_geo`; null where there is no such switch. */
  switches: ReadonlyMap<string, readonly string[]> | null
  stamp: Stamp
  note: string
}>
