import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Distribution } from './distribution.ts'
import type { Labels } from './table.ts'

/** A metric of the registry whose numbers are read when it is scraped, from where they are kept. */
export type Family = Readonly<{ registry: Registry; name: string; help: string; labels?: readonly string[] }>

type Numbers = Iterable<readonly [Labels, number]>

export function counter({ registry, name, help, labels = [] }: Family, read: () => Numbers): void {
  new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset()
      for (const [values, number] of read()) this.inc(values, number)
    },
  })
}

export function gauge({ registry, name, help, labels = [] }: Family, read: () => Numbers): void {
  new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset()
      for (const [values, number] of read()) this.set(values, number)
    },
  })
}

/** Of one number without labels. Null: there is none now. */
export function number(family: Family, read: () => number | null): void {
  gauge({ ...family, labels: [] }, () => {
    const value = read()
    return value === null ? [] : [[{}, value]]
  })
}

export function histogram(
  { registry, name, help, labels = [] }: Family,
  read: () => Iterable<readonly [Labels, Distribution]>,
): void {
  new Distributions(read, { name, help, labelNames: [...labels], registers: [registry] })
}

type Sample = Readonly<{ metricName: string; labels: Record<string, string | number>; value: number }>

class Distributions extends Histogram<string> {
  readonly #family: Readonly<{ name: string; help: string }>
  readonly #read: () => Iterable<readonly [Labels, Distribution]>

  constructor(
    read: () => Iterable<readonly [Labels, Distribution]>,
    options: ConstructorParameters<typeof Histogram<string>>[0],
  ) {
    super(options)
    this.#family = options
    this.#read = read
  }

  /** What prom-client's registry asks a histogram for. */
  async getForPromString(): Promise<unknown> {
    const { name, help } = this.#family
    const values: Sample[] = []
    for (const [labels, distribution] of this.#read()) values.push(...samples(name, labels, distribution))
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
}

function samples(name: string, labels: Labels, { bounds, counts, count, sum }: Distribution): Sample[] {
  let below = 0
  const buckets = bounds.map((le, index) => {
    below += counts[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
