import type { CallFacts, Finding, Segment } from '../../src/core/call.ts'
import type { Phase } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { ApartPool } from './apart/pool.ts'
import type { Done, Job } from './apart/protocol.ts'
import { work } from './apart/work.ts'
import { type Known, SegmentCache } from './cache.ts'
import type { Custom } from './custom/index.ts'
import type { Span } from './detect/detector.ts'
import { findIn, type Given, gather, type Reader } from './find.ts'
import type { Seed } from './propagate.ts'
import { isMedia, isProtocol } from './protocol.ts'
import type { Tagger } from './tagger/index.ts'

export type { Given } from './find.ts'

export type InspectorOptions = Readonly<{
  custom: Custom
  /** The data that `custom` was read from, so that workers read it too; without it a policy's own detectors run between the calls of others. */
  customData?: Json
  tagger: Tagger | null
  /** Threads for long texts; 0: none. */
  workers: number
  /** For what was found in segments that may come again. */
  cacheBytes: number
  /** UTF-16 units of a call's texts that are not known yet, from which on they are read in a worker. */
  apartAbove: number
  /** For the keys of the cache; of this process alone. */
  secret: Uint8Array
}>

export type Inspector = Readonly<{
  inspect(phase: Phase, segments: readonly Segment[], signal: AbortSignal, call: CallFacts): Promise<readonly Finding[]>
  /** Makes ready what the first long text would wait for. */
  start(): Promise<void>
  stop(): Promise<void>
  /** The same reading without cache and workers. */
  findIn(texts: readonly Given[], custom: Custom, tenant: string): readonly (readonly Span[])[]
}>

export function createInspector(options: InspectorOptions): Inspector {
  const { custom, tagger, workers, apartAbove, customData } = options
  const cache = new SegmentCache(options.secret, options.cacheBytes)
  const plain = custom.version === ''
  const threads = plain || customData !== undefined ? workers : 0
  const pool =
    threads > 0
      ? new ApartPool({ custom: plain ? null : (customData ?? null), tagger: tagger !== null }, threads)
      : null
  const versions = `${custom.version}\n${tagger?.version ?? ''}`

  const done = (job: Job, reader: Reader, signal: AbortSignal): Promise<Done> | Done => {
    if (pool === null) return work(job, reader)
    let units = 0
    for (const { text } of job.texts) units += text.length
    return units > apartAbove ? pool.run(job, signal) : work(job, reader)
  }

  const readRequest = async (
    texts: readonly Given[],
    signal: AbortSignal,
    tenant: string,
  ): Promise<readonly (readonly Span[])[]> => {
    const reader: Reader = { custom, tagger, tenant }
    const scope = `${versions}\n${tenant}`
    const keys = texts.map((given) => cache.keyOf(scope, given))
    const known: (Known | undefined)[] = keys.map((key) => cache.get(key))
    const seeds = new Map<string, Seed>()
    texts.forEach((given, at) => {
      gather(given, known[at]?.own ?? [], seeds)
    })
    const all: (readonly Span[])[] = texts.map(() => [])
    const keep = (places: readonly number[], found: Done, digest: string): void => {
      places.forEach((at, i) => {
        const own = found.own[i] ?? []
        const spans = found.all[i] ?? []
        all[at] = spans
        cache.set(keys[at] ?? '', { own, seeds: digest, all: spans })
      })
    }

    const fresh = placesOf(known, (one) => one === undefined)
    if (fresh.length > 0) {
      const job: Job = { kind: 'find', tenant, texts: pick(texts, fresh), seeds: [...seeds] }
      const found = await done(job, reader, signal)
      fresh.forEach((at, i) => {
        const given = texts[at]
        if (given !== undefined) gather(given, found.own[i] ?? [], seeds)
      })
      keep(fresh, found, cache.digestOf(seeds))
    }

    const digest = cache.digestOf(seeds)
    const stale = placesOf(known, (one) => one !== undefined && one.seeds !== digest)
    if (stale.length > 0) {
      const own = stale.map((at) => known[at]?.own ?? [])
      const job: Job = { kind: 'spread', tenant, texts: pick(texts, stale), own, seeds: [...seeds] }
      keep(stale, await done(job, reader, signal), digest)
    }
    known.forEach((one, at) => {
      if (one !== undefined && one.seeds === digest) all[at] = one.all
    })
    return all
  }

  return {
    inspect: async (phase, segments, signal, { principal: { tenant }, tools, references }) => {
      const texts = segments.map((segment) => givenOf(segment, { tools, references }))
      // What is not released yet of an answer is another text each time, and is never asked for again.
      const spans =
        phase === 'request'
          ? await readRequest(texts, signal, tenant)
          : (await done({ kind: 'find', tenant, texts, seeds: [] }, { custom, tagger, tenant }, signal)).all
      return segments.flatMap(({ pointer }, at) =>
        (spans[at] ?? []).map(({ start, end, type, score }) => ({ type, pointer, start, end, score })),
      )
    },
    start: async () => pool?.warm(),
    stop: async () => pool?.close(),
    findIn: (texts, by, tenant) => findIn(texts, { custom: by, tagger, tenant }),
  }
}

function placesOf(known: readonly (Known | undefined)[], wanted: (one: Known | undefined) => boolean): number[] {
  const places: number[] = []
  known.forEach((one, at) => {
    if (wanted(one)) places.push(at)
  })
  return places
}

function pick<T>(all: readonly T[], places: readonly number[]): readonly T[] {
  return places.flatMap((at) => {
    const one = all[at]
    return one === undefined ? [] : [one]
  })
}

/** Members under which every dialect carries what is said: they tell nothing of it. */
const CARRIERS: ReadonlySet<string> = new Set([
  'content',
  'text',
  'system',
  'prompt',
  'input',
  'output',
  'thinking',
  'refusal',
])

/**
 * A tool that is called `lookup` is nobody: where the name of a declared tool stands as a name, and is of letters alone, so that it can hold no number,
 * address or key, it is not read.
 */
export function givenOf(segment: Segment, { tools, references }: Pick<CallFacts, 'tools' | 'references'>): Given {
  const { pointer, role, channel, text, json } = segment
  const key = keyOf(pointer)
  const identifies = key === 'name' && /^[A-Za-z][A-Za-z_-]{0,63}$/.test(text) && tools.includes(text)
  const hints = { key: key !== null && CARRIERS.has(key) ? null : key, role, channel }
  const unread = identifies || (references.length > 0 && isMedia(segment, references))
  return { text: unread ? '' : text, json: json === true, hints, ...(isProtocol(segment) && { protocol: true }) }
}

/** Name of the member that a text is the value of; in an array that of the array. A member name itself, and the root, have none. */
export function keyOf(pointer: string): string | null {
  const path = pointer.endsWith('~#') ? pointer.slice(0, -2) : pointer
  if (path.endsWith('#')) return null
  const steps = path.split('/')
  for (let at = steps.length - 1; at > 0; at--) {
    const step = steps[at] ?? ''
    if (!/^[0-9]+$/.test(step)) return step.replaceAll('~1', '/').replaceAll('~0', '~')
  }
  return null
}
