import { findOwn, gather, type Reader, withSeeds } from '../find.ts'
import { indexOf, type Seed } from '../propagate.ts'
import type { Done, Job } from './protocol.ts'

/** Does one job; the same in a worker and, for short texts, between the calls of others. */
export function work(job: Job, reader: Reader): Done {
  const own = job.kind === 'find' ? job.texts.map((given) => findOwn(given, reader)) : job.own
  const seeds = new Map<string, Seed>(job.seeds)
  job.texts.forEach((given, at) => {
    gather(given, own[at] ?? [], seeds)
  })
  const index = indexOf(seeds.values())
  return { own, all: job.texts.map((given, at) => withSeeds(given, own[at] ?? [], index, reader)) }
}
