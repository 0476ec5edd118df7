/** Texts by their units: children of a node are a list of siblings, since most nodes have one. Node 0 is the root. Built once, then only read. */
export class Trie {
  readonly #units: number[] = [0]
  readonly #child: number[] = [0]
  readonly #sibling: number[] = [0]
  /** What ends at a node, from 1; 0: nothing. */
  readonly #ends: number[] = [0]
  /** Children of the root by their unit, below 128. */
  readonly #first = new Uint32Array(128)
  /** Units of the longest text. */
  longest = 0

  /** `id` from 1. A text that is there already keeps its id. */
  add(text: string, id: number): void {
    let node = 0
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      node = this.next(node, unit) || this.#grow(node, unit)
    }
    if (node === 0 || this.#ends[node] !== 0) return
    this.#ends[node] = id
    if (text.length > this.longest) this.longest = text.length
  }

  #grow(parent: number, unit: number): number {
    const node = this.#units.length
    this.#units.push(unit)
    this.#child.push(0)
    this.#sibling.push(this.#child[parent] ?? 0)
    this.#ends.push(0)
    this.#child[parent] = node
    if (parent === 0 && unit < 128) this.#first[unit] = node
    return node
  }

  /** The node after a unit; 0 where no text goes on with it. */
  next(node: number, unit: number): number {
    if (node === 0 && unit < 128) return this.#first[unit] ?? 0
    let child = this.#child[node] ?? 0
    while (child !== 0 && this.#units[child] !== unit) child = this.#sibling[child] ?? 0
    return child
  }

  /** What ends here; 0: nothing. */
  idAt(node: number): number {
    return this.#ends[node] ?? 0
  }

  /** Whether a longer text goes on from here. */
  goesOn(node: number): boolean {
    return (this.#child[node] ?? 0) !== 0
  }
}
