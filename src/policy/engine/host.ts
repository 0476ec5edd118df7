import { isUtf8 } from 'node:buffer'
import { CustomhouseError } from '../../core/errors.ts'
import { type Builtin, type BuiltinContext, BuiltinError } from '../builtins/operand.ts'
import { formatValue, parseValue, type Value } from '../builtins/value.ts'
import type { PolicyExports } from './exports.ts'

/** Raised inside opa_abort: the module gives up by its own account. Its text is the compiler's or the runtime's, never the input's. */
export class PolicyAbort extends Error {
  override readonly name = 'PolicyAbort'
}

/** Most bytes that one call of a host built-in may be given, or give back. */
const LARGEST_CALL = 4 * 1_048_576
/** What a call of a host built-in takes from the fuel: a share for the crossing, and one unit for every eight bytes. */
const TOLL = 64

/** What the imports need of the instance that they serve. */
export type HostView = {
  readonly memory: WebAssembly.Memory
  exports: PolicyExports | undefined
  /** Built-ins by the number that the module calls them by. */
  builtins: ReadonlyMap<number, Builtin>
  context: BuiltinContext
  charge(units: number): void
}

type Call = (id: number, context: number, ...addresses: number[]) => number

/** The imports of OPA's WebAssembly ABI 1.x (docs/wasm: "Required Imports"). */
export function importsFor(view: HostView): WebAssembly.Imports {
  const call: Call = (id, _context, ...addresses) => callBuiltin(view, id, addresses)
  return {
    env: {
      memory: view.memory,
      opa_abort: (address: number): never => {
        throw new PolicyAbort(readText(view.memory, address))
      },
      opa_println: (): void => undefined,
      opa_builtin0: call,
      opa_builtin1: call,
      opa_builtin2: call,
      opa_builtin3: call,
      opa_builtin4: call,
    },
  }
}

/** The NUL-terminated text at an address. Error: ERR_POLICY_MALFORMED where it has more than `most` bytes. */
export function readText(memory: WebAssembly.Memory, address: number, most = Number.POSITIVE_INFINITY): string {
  const bytes = Buffer.from(memory.buffer)
  const end = bytes.indexOf(0, address)
  if (address <= 0 || end < 0)
    throw new CustomhouseError('ERR_POLICY_THREW', 'The policy module handed over an address outside of its memory.')
  if (end - address > most) {
    throw new CustomhouseError(
      'ERR_POLICY_MALFORMED',
      `The policy answered with ${end - address} bytes of JSON; ${most} are the most that are read.`,
    )
  }
  return bytes.toString('utf8', address, end)
}

/** Answers 0, which the module takes for undefined, where the operands do not fit: OPA does the same. */
function callBuiltin(view: HostView, id: number, addresses: readonly number[]): number {
  const builtin = view.builtins.get(id)
  const { exports } = view
  if (builtin === undefined || exports === undefined) {
    throw new CustomhouseError(
      'ERR_POLICY_BUILTIN',
      `The policy module calls built-in number ${id}, which the gateway does not supply.`,
    )
  }
  view.charge(TOLL)
  const args: Value[] = []
  for (const address of addresses) {
    const value = readOperand(view, exports, address)
    if (value === undefined) return 0
    args.push(value)
  }
  let result: Value
  try {
    result = builtin(args, view.context)
  } catch (error) {
    if (error instanceof BuiltinError) return 0
    throw error
  }
  return writeResult(view, exports, formatValue(result))
}

/** Undefined where the operand holds bytes that are not UTF-8: a JavaScript string could only hold a forgery of them. */
function readOperand(view: HostView, exports: PolicyExports, address: number): Value | undefined {
  const start = exports.opa_value_dump(address)
  if (start === 0)
    throw new CustomhouseError('ERR_POLICY_THREW', 'The policy module could not write an operand of a built-in.')
  const bytes = Buffer.from(view.memory.buffer)
  const end = bytes.indexOf(0, start)
  if (end < 0 || end - start > LARGEST_CALL) throw tooLarge()
  view.charge((end - start) >>> 3)
  const slice = bytes.subarray(start, end)
  const value = isUtf8(slice) ? parseValue(slice.toString('utf8')) : undefined
  exports.opa_free(start)
  return value
}

function writeResult(view: HostView, exports: PolicyExports, text: string): number {
  if (text.length > LARGEST_CALL) throw tooLarge()
  view.charge(text.length >>> 3)
  const room = text.length * 3
  const start = exports.opa_malloc(room)
  const { written } = new TextEncoder().encodeInto(text, new Uint8Array(view.memory.buffer, start, room))
  const value = exports.opa_value_parse(start, written)
  if (value === 0)
    throw new CustomhouseError('ERR_POLICY_THREW', 'The policy module could not read the result of a built-in.')
  exports.opa_free(start)
  return value
}

function tooLarge(): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_THREW',
    `A built-in was called with, or answered, more than ${LARGEST_CALL} bytes.`,
  )
}
