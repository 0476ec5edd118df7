import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Served } from '../serve.ts'

/** What a process holds at one moment. Bytes, but for `descriptors` and `threads`; `heap` is null where there are no metrics of it. */
export type Sample = Readonly<{
  calls: number
  rss: number
  heap: number | null
  descriptors: number
  threads: number
  ledger: number
}>

const HEAP = /^nodejs_heap_size_used_bytes (\S+)$/m

/** Looks at the process from outside: procfs, its metrics, its folder. */
export async function sample({ pid, admin }: Served, state: string, calls: number): Promise<Sample> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  const answer = await fetch(`${admin}/metrics`)
  const heap = HEAP.exec(await answer.text())?.[1]
  return {
    calls,
    rss: field('VmRSS') * 1024,
    heap: heap === undefined ? null : Number(heap),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field('Threads'),
    ledger: sizeOf(join(state, 'ledger')),
  }
}

function sizeOf(folder: string): number {
  const size = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0
  return readdirSync(folder).reduce((sum, name) => sum + size(name), 0)
}

/** Growth for 100,000 calls: the slope of the least-squares line through the second half of the samples. */
export function growth(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const half = samples.slice(Math.floor(samples.length / 2))
  const mean = (value: (sample: Sample) => number): number =>
    half.reduce((sum, one) => sum + value(one), 0) / half.length
  const x = mean(({ calls }) => calls)
  const y = mean(of)
  const above = half.reduce((sum, one) => sum + (one.calls - x) * (of(one) - y), 0)
  const below = half.reduce((sum, one) => sum + (one.calls - x) ** 2, 0)
  return below === 0 ? 0 : (above / below) * 100_000
}
