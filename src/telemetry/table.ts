export type Labels = Readonly<Record<string, string>>

/** Rows beyond this of one table share the last: no fault of ours or of a policy's may fill memory, or a Prometheus. */
const MOST = 2_000

/** Numbers by the values of their labels. The key is the caller's: any text that tells one row from another. */
export class Table<Row> {
  readonly #names: readonly string[]
  readonly #make: () => Row
  readonly #most: number
  readonly #rows = new Map<string, readonly [Labels, Row]>()
  #rest: Row | null = null

  constructor(names: readonly string[], make: () => Row, most: number = MOST) {
    this.#names = names
    this.#make = make
    this.#most = most
  }

  find(key: string): Row | undefined {
    return this.#rows.get(key)?.[1]
  }

  /** For a key that is not there. */
  add(key: string, labels: Labels): Row {
    if (this.#rows.size >= this.#most) {
      this.#rest ??= this.#make()
      return this.#rest
    }
    const row = this.#make()
    this.#rows.set(key, [labels, row])
    return row
  }

  *[Symbol.iterator](): Generator<readonly [Labels, Row]> {
    yield* this.#rows.values()
    if (this.#rest !== null) yield [Object.fromEntries(this.#names.map((name) => [name, 'other'])), this.#rest]
  }
}

/** A row that only counts. */
export class Count {
  value = 0
}
