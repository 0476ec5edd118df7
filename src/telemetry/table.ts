/** Names and values, in order. */
export type Labels = Readonly<Record<string, string>>

/** Rows beyond this of one table share the last: no fault of ours or of a policy's may fill memory, or a Prometheus. */
const MOST = 2_000

/**
 * Numbers by the values of their labels. The key is the caller's: any text that tells one row from another. Labels are written once, when
 * their row is made: a scrape reads them many times.
 */
export class Table<Row> {
  readonly #rest: string
  readonly #make: () => Row
  readonly #most: number
  readonly #rows = new Map<string, readonly [labels: string, row: Row]>()
  #beyond: Row | null = null

  constructor(names: readonly string[], make: () => Row, most: number = MOST) {
    this.#rest = written(Object.fromEntries(names.map((name) => [name, 'other'])))
    this.#make = make
    this.#most = most
  }

  get full(): boolean {
    return this.#rows.size >= this.#most
  }

  find(key: string): Row | undefined {
    return this.#rows.get(key)?.[1]
  }

  /** For a key that is not there. */
  add(key: string, labels: Labels): Row {
    const text = written(labels)
    // What is called so by itself shares it as well: no two rows may have the same labels.
    if (this.full || text === this.#rest) {
      this.#beyond ??= this.#make()
      return this.#beyond
    }
    const row = this.#make()
    this.#rows.set(key, [text, row])
    return row
  }

  /** Labels as Prometheus reads them, without the braces. */
  *[Symbol.iterator](): Generator<readonly [labels: string, row: Row]> {
    yield* this.#rows.values()
    if (this.#beyond !== null) yield [this.#rest, this.#beyond]
  }
}

/** A row that only counts. */
export class Count {
  value = 0
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

/** `a="b",c="d"`: Prometheus's text format 0.0.4, which escapes three characters of a value. */
export function written(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => ESCAPED[char] ?? char)}"`)
    .join(',')
}
