import { numberFromBigInt } from './number.ts'
import type { Builtin } from './operand.ts'
export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['time.now_ns', (_a, c) => numberFromBigInt(c.now)],
])
