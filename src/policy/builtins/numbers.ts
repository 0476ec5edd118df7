import { tooMuch } from './limit.ts'
import { numberFromBigInt } from './number.ts'
import { type Builtin, BuiltinError, bigInteger, LARGEST } from './operand.ts'
import type { Value } from './value.ts'

export const NUMBERS: Readonly<Record<string, Builtin>> = {
  'numbers.range_step': (args) => {
    const from = bigInteger(args, 0)
    const to = bigInteger(args, 1)
    const step = bigInteger(args, 2)
    if (step <= 0n) throw new BuiltinError('the step must be positive')
    const distance = from <= to ? to - from : from - to
    if (distance / step >= BigInt(LARGEST.list)) throw tooMuch('numbers.range_step')
    const sign = from <= to ? step : -step
    const out: Value[] = []
    for (let index = 0n; index <= distance / step; index += 1n) out.push(numberFromBigInt(from + index * sign))
    return out
  },
}
