import type { Distribution } from './distribution.ts'
import { type Labels, written } from './table.ts'

/**
 * A metric, as text of Prometheus's format 0.0.4, read from where its numbers are kept. Written by us and not by prom-client, which makes an
 * object of each sample first, and takes 15 ms a megabyte in one go; this takes one or two, in pieces.
 */
export type Family = Readonly<{
  name: string
  /** The lines before its samples. */
  head: string
  /** Whole lines; those of one histogram come in one piece, so that they agree. */
  samples(): Iterable<string>
}>

/** What is told of a metric beside its numbers. */
export type Named = Readonly<{ name: string; help: string }>

type Row<Value> = readonly [labels: string | Labels, value: Value]

export function counter(named: Named, read: () => Iterable<Row<number>>): Family {
  return plain(named, 'counter', read)
}

export function gauge(named: Named, read: () => Iterable<Row<number>>): Family {
  return plain(named, 'gauge', read)
}

/** Of one number without labels. Null: there is none now. */
export function number(named: Named, read: () => number | null): Family {
  return gauge(named, () => {
    const value = read()
    return value === null ? [] : [['', value]]
  })
}

export function histogram({ name, help }: Named, read: () => Iterable<Row<Distribution>>): Family {
  return {
    name,
    head: headOf(name, help, 'histogram'),
    *samples() {
      for (const [labels, distribution] of read()) yield buckets(name, textOf(labels), distribution)
    },
  }
}

function plain({ name, help }: Named, type: string, read: () => Iterable<Row<number>>): Family {
  return {
    name,
    head: headOf(name, help, type),
    *samples() {
      for (const [labels, value] of read()) {
        const text = textOf(labels)
        yield text === '' ? `${name} ${value}\n` : `${name}{${text}} ${value}\n`
      }
    },
  }
}

function headOf(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function textOf(labels: string | Labels): string {
  return typeof labels === 'string' ? labels : written(labels)
}

function buckets(name: string, labels: string, { bounds, counts, count, sum }: Distribution): string {
  const bucket = labels === '' ? `${name}_bucket{le="` : `${name}_bucket{${labels},le="`
  const all = labels === '' ? '' : `{${labels}}`
  let text = ''
  let within = 0
  for (let at = 0; at < bounds.length; at++) {
    within += counts[at] ?? 0
    text += `${bucket}${bounds[at]}"} ${within}\n`
  }
  return `${text}${bucket}+Inf"} ${count}\n${name}_sum${all} ${sum}\n${name}_count${all} ${count}\n`
}
