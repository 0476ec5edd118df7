import type { Mapped } from './mapped.ts'

export type Carrier = 'base64' | 'hex' | 'percent' | 'quoted'

/** A run of a text that is itself text in another writing. `decoded` is told as made of the whole text that carries it. */
export type Run = Readonly<{
  kind: Carrier
  start: number
  end: number
  decoded: Mapped
  encode: (text: string) => string
}>
