/**
 * Two kinds of JSON live here, and they are never mixed up.
 *
 * {@link Json} is plain data of ours: facts, obligation parameters, policy input and output, configuration.
 * {@link JsonTree} is a body as it came over the wire, with everything that JSON.parse would lose: the order of members, members
 * named `2` or `__proto__`, and the lexemes of numbers (`1.0`, `1e400`, 2^53+1). What is forwarded is written from the tree.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A number whose lexeme JavaScript would not write back as it came. */
export class NumberLexeme {
  readonly lexeme: string
  constructor(lexeme: string) {
    this.lexeme = lexeme
  }
}

/** Objects are Maps (order kept, no prototype to pollute); a number is a `number` only if `String(n)` is its lexeme. */
export type JsonTree = null | boolean | number | string | NumberLexeme | JsonTree[] | Map<string, JsonTree>
export type TreeObject = Map<string, JsonTree>
