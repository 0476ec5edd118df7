import { isUtf8 } from 'node:buffer'
import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { bigIntOf, numberOf } from '../builtins/number.ts'
import type { Builtin } from '../builtins/operand.ts'
import { BUILTINS } from '../builtins/table.ts'
import { burnt, type Compiled, isOutOfMemory, type Loaded, loadModule, outOfMemory, PolicyInstance } from './abi.ts'
import { meter } from './meter.ts'

export type EngineOptions = Readonly<{
  /** A policy.wasm as OPA's compiler writes it (ABI 1.x). */
  wasm: Uint8Array
  /** Base data: plain data, or JSON in UTF-8, whose numbers then stay exact. */
  data: Json | Uint8Array
  /** Budget of one evaluation: function entries and loop turns, and what host built-ins take. Default 10 million. */
  fuel?: number
  /** Most memory, in pages of 64 KiB: below 2 GiB, so that addresses stay positive. Default 2048 (128 MiB). */
  maxPages?: number
}>

export type EvaluateOptions = Readonly<{
  /** The instant of the decision; a bigint is nanoseconds since 1970. */
  now: Date | bigint
  fuel?: number
  /** What uuid.rfc4122 derives from: the decision's id. Default: the instant. */
  seed?: string
  /** Longest result set, in bytes of JSON: a longer one is never read. Default: none but the instance's memory. */
  most?: number
}>

export type Evaluation =
  | Readonly<{ defined: true; value: Json; fuel: number }>
  | Readonly<{ defined: false; fuel: number }>

/** A result set as JSON text, and what it took. */
export type Answer = Readonly<{ text: string; fuel: number }>

/** A loaded policy. `evaluate` is synchronous; an engine is not shared between threads. */
export interface PolicyEngine {
  readonly entrypoints: readonly string[]
  /** What it was made from, for {@link engineOf} in another thread. */
  readonly loaded: Loaded
  /** Budget of an evaluation that names none. */
  readonly fuel: number
  /** Instances thrown away and made anew so far. */
  readonly renewals: number
  /** Memory of the instance, in pages of 64 KiB. */
  readonly pages: number
  /**
   * Evaluates one entrypoint. A `Uint8Array` is JSON in UTF-8. Errors: ERR_POLICY_THREW, ERR_POLICY_OUT_OF_FUEL,
   * ERR_POLICY_OUT_OF_MEMORY; ERR_POLICY_MALFORMED for input that is no JSON, for a result that is too long and for one that a JavaScript number cannot hold. The fuel that
   * it took until then is the error's `detail.fuel`.
   */
  evaluate(entrypoint: string, input: Json | Uint8Array, options: EvaluateOptions): Evaluation
  /** The same for input that is JSON already, by JSON.stringify. Answers the result set as OPA writes it: {@link readResult} reads it. */
  run(entrypoint: string, json: string | Uint8Array, options: EvaluateOptions): Answer
  close(): void
}

/** Fuel of one evaluation where nobody says otherwise: some 30 ms of work. */
export const DEFAULT_FUEL = 10_000_000
const MOST_FUEL = 0x7fff_ffff
const DEFAULT_PAGES = 2048

/**
 * Loads a policy: meters it, compiles it off the thread, checks ABI and built-ins, loads data, evaluates each entrypoint once to warm up.
 * Errors: ERR_POLICY_BUNDLE, ERR_POLICY_BUILTIN (naming every missing one), ERR_POLICY_OUT_OF_MEMORY.
 */
export async function loadEngine(options: EngineOptions): Promise<PolicyEngine> {
  const budget = fuelOf(options.fuel ?? DEFAULT_FUEL)
  const metered = meter(options.wasm)
  const maxPages = options.maxPages ?? DEFAULT_PAGES
  if (!Number.isInteger(maxPages) || maxPages < metered.memory.minimum || maxPages > 32_767) {
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `policy.wasm asks for at least ${metered.memory.minimum} pages of memory; ${maxPages} are allowed.`,
    )
  }
  const { memory, globals } = metered
  const compiled: Compiled = { module: await compile(metered.wasm), metered: { memory, globals }, maxPages }
  const engine = engineOf(open(compiled, dataBytes(options.data)), budget)
  warm(engine)
  return engine
}

/** An instance of its own of what {@link loadEngine} has loaded, in any thread. */
export function engineOf(loaded: Loaded, budget: number): PolicyEngine {
  const { entrypoints } = loaded
  let live: PolicyInstance | undefined = new PolicyInstance(loaded, supply(loaded.builtins))
  let renewals = 0
  const run: PolicyEngine['run'] = (entrypoint, json, how) => {
    if (live === undefined) throw new CustomhouseError('ERR_POLICY_THREW', 'The policy engine is closed.')
    const id = entrypoints.get(entrypoint)
    if (id === undefined) {
      throw new CustomhouseError('ERR_POLICY_UNDEFINED', `The policy has no entrypoint ${JSON.stringify(entrypoint)}.`)
    }
    const now = typeof how.now === 'bigint' ? how.now : BigInt(how.now.getTime()) * 1_000_000n
    const fuel = how.fuel === undefined ? budget : fuelOf(how.fuel)
    return live.run(id, json, { now, seed: how.seed ?? String(now) }, fuel, how.most)
  }
  return {
    entrypoints: [...entrypoints.keys()],
    loaded,
    fuel: budget,
    get renewals() {
      return live?.renewals ?? renewals
    },
    get pages() {
      return live?.pages ?? 0
    },
    evaluate: (entrypoint, input, how) => readResult(run(entrypoint, inputText(input), how)),
    run,
    close() {
      renewals = live?.renewals ?? renewals
      live = undefined
    },
  }
}

function fuelOf(fuel: number): number {
  if (Number.isInteger(fuel) && fuel > 0 && fuel <= MOST_FUEL) return fuel
  throw new CustomhouseError('ERR_CONFIG_INVALID', `Fuel must be a whole number from 1 to ${MOST_FUEL}.`)
}

async function compile(wasm: Uint8Array): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(new Uint8Array(wasm))
  } catch (error) {
    throw new CustomhouseError('ERR_POLICY_BUNDLE', 'policy.wasm is no valid WebAssembly module.', { cause: error })
  }
}

function open(compiled: Compiled, data: Uint8Array): Loaded {
  try {
    return loadModule(compiled, data, supply)
  } catch (error) {
    if (isCustomhouseError(error)) throw error
    if (isOutOfMemory(error)) throw outOfMemory(error)
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `policy.wasm or its data could not be loaded: ${error instanceof Error ? error.message : 'unknown'}.`,
      { cause: error },
    )
  }
}

function supply(names: ReadonlyMap<string, number>): ReadonlyMap<number, Builtin> {
  const found = new Map<number, Builtin>()
  const missing: string[] = []
  for (const [name, id] of names) {
    const builtin = BUILTINS.get(name)
    if (builtin === undefined) missing.push(name)
    else found.set(id, builtin)
  }
  if (missing.length === 0) return found
  missing.sort()
  throw new CustomhouseError(
    'ERR_POLICY_BUILTIN',
    `The policy calls built-in functions that the gateway does not supply: ${missing.join(', ')}.`,
    { detail: { missing } },
  )
}

function checkJson(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) return false
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function dataBytes(data: Json | Uint8Array): Uint8Array {
  if (!(data instanceof Uint8Array)) return new TextEncoder().encode(JSON.stringify(data))
  if (checkJson(data)) return data
  throw new CustomhouseError('ERR_POLICY_BUNDLE', "The policy's data is not JSON in UTF-8.")
}

/** The module's own parser stops at the end of the first value and minds no bad UTF-8, so bytes are checked before it sees them. */
function inputText(input: Json | Uint8Array): string | Uint8Array {
  if (!(input instanceof Uint8Array)) return stringify(input)
  if (checkJson(input)) return input
  throw new CustomhouseError('ERR_POLICY_MALFORMED', 'The policy input is not JSON in UTF-8.')
}

/** Plain data as JSON. Error: ERR_POLICY_MALFORMED where it is none. */
export function stringify(input: Json): string {
  try {
    const text: string | undefined = JSON.stringify(input)
    if (text !== undefined) return text
  } catch (error) {
    throw new CustomhouseError('ERR_POLICY_MALFORMED', 'The policy input is no plain data, or is nested too deeply.', {
      cause: error,
    })
  }
  throw new CustomhouseError('ERR_POLICY_MALFORMED', 'The policy input is no plain data.')
}

const HEAD = '[{"result":'
/** Sixteen digits in a row, or an exponent: only such a text can hold a number that JSON.parse would round. */
const RISKY = /\d{16}|\d[eE][+-]?\d/

/** Reads what {@link PolicyEngine.run} answered. Error: ERR_POLICY_MALFORMED. */
export function readResult({ text, fuel }: Answer): Evaluation {
  if (text === '[]') return { defined: false, fuel }
  try {
    const set: unknown = text.startsWith(HEAD) ? (RISKY.test(text) ? JSON.parse(text, exact) : JSON.parse(text)) : null
    if (Array.isArray(set) && set.length === 1) return { defined: true, value: set[0].result, fuel }
  } catch (error) {
    throw isCustomhouseError(error) ? burnt(error, fuel) : error
  }
  throw new CustomhouseError(
    'ERR_POLICY_MALFORMED',
    'The policy answered with something other than exactly one result.',
    { detail: { fuel } },
  )
}

/** The third argument of a reviver is the number's source text (ECMAScript 2025, JSON.parse). */
function exact(_key: string, value: unknown, ...[context]: unknown[]): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = typeof context === 'object' && context !== null && 'source' in context ? String(context.source) : ''
  if (String(value) === source) return value
  const whole = bigIntOf(numberOf(source))
  if (Number.isFinite(value) && (whole === null ? Math.abs(value) < 2 ** 53 : whole === BigInt(value))) return value
  throw new CustomhouseError(
    'ERR_POLICY_MALFORMED',
    `The policy answered with the number ${source.slice(0, 40)}, which JavaScript would round: let it answer with a string.`,
  )
}

/** One turn through each entrypoint, so that the first call does not pay for it. Without input most rules are undefined or give up. */
function warm(engine: PolicyEngine): void {
  for (const entrypoint of engine.entrypoints) {
    try {
      engine.evaluate(entrypoint, {}, { now: 0n })
    } catch (error) {
      if (!isCustomhouseError(error)) throw error
    }
  }
}
