import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import type { Builtin } from '../builtins/operand.ts'
import { mutableGlobal, type PolicyExports, policyExports } from './exports.ts'
import { type HostView, importsFor, PolicyAbort, readText } from './host.ts'
import { FUEL, type Metered } from './meter.ts'

const PAGE = 65_536
/** Pages beside the policy's data that an instance starts with, so that an ordinary evaluation never grows memory. */
const HEADROOM = 16
/** Pages that one evaluation may add before the instance is dropped: wasm memory never shrinks (measured: 910 MB kept). */
const HIGH_WATER = 256

/** What is the same for every built-in of one evaluation: nanoseconds since 1970, and what random values derive from. */
export type Decision = Readonly<{ now: bigint; seed: string }>

export type Compiled = Readonly<{
  module: WebAssembly.Module
  metered: Pick<Metered, 'memory' | 'globals'>
  /** Most pages of 64 KiB. */
  maxPages: number
}>

/** Everything that an instance is once data is loaded: memory up to the heap's end, and the module's own mutable globals. */
type Image = Readonly<{ bytes: Uint8Array; pages: number; globals: readonly number[]; heap: number; context: number }>

/** A compiled module with its data loaded: plain data, from which any thread can make an instance of its own. */
export type Loaded = Readonly<{
  compiled: Compiled
  image: Image
  entrypoints: ReadonlyMap<string, number>
  /** Numbers of the built-ins that it calls, by name. */
  builtins: ReadonlyMap<string, number>
}>

type Live = Readonly<{
  view: HostView
  exports: PolicyExports
  fuel: WebAssembly.Global
  globals: readonly WebAssembly.Global[]
}>

/**
 * One instance of a policy module, its data loaded. It owns its memory; it is not re-entrant.
 *
 * A throw unwinds the C code in the midst of whatever it was doing and leaves its stack pointer where it was, so after one the instance is
 * never used as it is: it is set back to the image that was taken after loading (a copy of some 300 KB plus data), or made anew from the
 * compiled module where the throw was none that we know, or memory has grown.
 */
export class PolicyInstance {
  /** How often the instance was made anew. */
  renewals = 0
  readonly #loaded: Loaded
  readonly #builtins: ReadonlyMap<number, Builtin>
  #live: Live
  #running = false

  /** @param builtins those of `loaded`, by their numbers */
  constructor(loaded: Loaded, builtins: ReadonlyMap<number, Builtin>) {
    this.#loaded = loaded
    this.#builtins = builtins
    this.#live = revive(loaded, builtins)
  }

  get pages(): number {
    return this.#live.view.memory.buffer.byteLength / PAGE
  }

  /**
   * Evaluates one entrypoint and answers OPA's result set as JSON text. `input` is JSON. `fuel` is the budget.
   * Errors: ERR_POLICY_THREW, ERR_POLICY_OUT_OF_FUEL, ERR_POLICY_OUT_OF_MEMORY, ERR_POLICY_MALFORMED (input that is no JSON, an
   * answer of more than `most` bytes).
   */
  run(
    entrypoint: number,
    input: string | Uint8Array,
    decision: Decision,
    fuel: number,
    most: number = Number.POSITIVE_INFINITY,
  ): { text: string; fuel: number } {
    if (this.#running)
      throw new CustomhouseError('ERR_POLICY_THREW', 'A policy evaluation was entered from within itself.')
    const live = this.#live
    const { image } = this.#loaded
    this.#running = true
    try {
      live.fuel.value = fuel
      live.view.context = { ...decision, charge: live.view.charge }
      const text = evaluate(live, image, entrypoint, input, most)
      const used = fuel - live.fuel.value
      if (live.view.memory.buffer.byteLength > (image.pages + HIGH_WATER) * PAGE) this.#renew()
      return { text, fuel: used }
    } catch (error) {
      const left = live.fuel.value
      const { failure, known } = classify(error, left)
      if (known && live.view.memory.buffer.byteLength === image.pages * PAGE) restore(live, image)
      else this.#renew()
      throw burnt(failure, fuel - left)
    } finally {
      this.#running = false
    }
  }

  #renew(): void {
    this.#live = revive(this.#loaded, this.#builtins)
    this.renewals += 1
  }
}

/**
 * Loads data into a module for good. @param data JSON in UTF-8, known to be well-formed. @param check throws ERR_POLICY_BUILTIN where the module
 * calls a built-in that nobody supplies: before anything of it is evaluated.
 */
export function loadModule(
  compiled: Compiled,
  data: Uint8Array,
  check: (names: ReadonlyMap<string, number>) => void,
): Loaded {
  const room = Math.ceil((data.length * 24) / PAGE)
  const pages = Math.min(compiled.metered.memory.minimum + HEADROOM + room, compiled.maxPages)
  const live = instantiate(compiled, pages, new Map())
  const entrypoints = readNames(live, live.exports.entrypoints())
  const builtins = readNames(live, live.exports.builtins())
  check(builtins)
  return { compiled, image: loadData(live, data), entrypoints, builtins }
}

function revive({ compiled, image }: Loaded, builtins: ReadonlyMap<number, Builtin>): Live {
  const live = instantiate(compiled, image.pages, builtins)
  restore(live, image)
  return live
}

function instantiate(compiled: Compiled, pages: number, builtins: ReadonlyMap<number, Builtin>): Live {
  const { metered, module, maxPages } = compiled
  const memory = new WebAssembly.Memory({
    initial: pages,
    maximum: Math.min(maxPages, metered.memory.maximum ?? maxPages),
  })
  let fuel: WebAssembly.Global | undefined
  const view: HostView = {
    memory,
    exports: undefined,
    builtins,
    context: { now: 0n, seed: '', charge: () => undefined },
    charge: (units) => {
      if (fuel === undefined) return
      if (fuel.value < units) {
        fuel.value = 0
        throw outOfFuel()
      }
      fuel.value -= units
    },
  }
  const instance = new WebAssembly.Instance(module, importsFor(view))
  const exports = policyExports(instance)
  view.exports = exports
  fuel = mutableGlobal(instance, FUEL)
  return { view, exports, fuel, globals: metered.globals.map((name) => mutableGlobal(instance, name)) }
}

function readNames(live: Live, value: number): Map<string, number> {
  const names: unknown = JSON.parse(readText(live.view.memory, live.exports.opa_json_dump(value)))
  if (typeof names !== 'object' || names === null)
    throw new CustomhouseError('ERR_POLICY_BUNDLE', 'policy.wasm lists its names in no readable way.')
  return new Map(Object.entries(names).map(([name, id]) => [name, Number(id)]))
}

/** Loads data for good and takes the image. The evaluation context lives in it too: one allocation for all evaluations. */
function loadData(live: Live, data: Uint8Array): Image {
  const { exports, view } = live
  const start = exports.opa_malloc(data.length)
  new Uint8Array(view.memory.buffer, start, data.length).set(data)
  const value = exports.opa_json_parse(start, data.length)
  if (value === 0)
    throw new CustomhouseError('ERR_POLICY_BUNDLE', "The policy's data could not be read by the policy module.")
  const context = exports.opa_eval_ctx_new()
  exports.opa_eval_ctx_set_data(context, value)
  const heap = (exports.opa_heap_ptr_get() + 7) & ~7
  exports.opa_heap_ptr_set(heap)
  return {
    bytes: shared(new Uint8Array(view.memory.buffer, 0, heap)),
    pages: view.memory.buffer.byteLength / PAGE,
    globals: live.globals.map((global) => global.value),
    heap,
    context,
  }
}

/** A copy that threads have in common: a copy of its own for each worker would be made on the main thread (37 MB: 20 ms). Nobody writes to it. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

function restore(live: Live, image: Image): void {
  new Uint8Array(live.view.memory.buffer).set(image.bytes)
  for (const [index, global] of live.globals.entries()) global.value = image.globals[index] ?? 0
}

/** The step path of the ABI rather than opa_eval: that one takes input which it cannot read for no input at all. */
function evaluate(live: Live, image: Image, entrypoint: number, input: string | Uint8Array, most: number): string {
  const { exports, view } = live
  const { heap, context } = image
  const room = typeof input === 'string' ? input.length * 3 : input.length
  const lacking = heap + room + PAGE - view.memory.buffer.byteLength
  if (lacking > 0) view.memory.grow(Math.ceil(lacking / PAGE))
  const target = new Uint8Array(view.memory.buffer, heap, room)
  const length = typeof input === 'string' ? encoder.encodeInto(input, target).written : write(target, input)
  exports.opa_heap_ptr_set((heap + length + 7) & ~7)
  const value = exports.opa_json_parse(heap, length)
  if (value === 0)
    throw new CustomhouseError('ERR_POLICY_MALFORMED', 'The policy input is not JSON that the policy module can read.')
  exports.opa_eval_ctx_set_input(context, value)
  exports.opa_eval_ctx_set_entrypoint(context, entrypoint)
  if (exports.eval(context) !== 0) throw new PolicyAbort('eval failed')
  return readText(view.memory, exports.opa_json_dump(exports.opa_eval_ctx_get_result(context)), most)
}

const encoder = new TextEncoder()

function write(target: Uint8Array, bytes: Uint8Array): number {
  target.set(bytes)
  return bytes.length
}

function outOfFuel(cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_OUT_OF_FUEL',
    'The policy used up its fuel: it loops, or does far too much for one decision.',
    { cause },
  )
}

/** opa_malloc gives up; or the host could not grow memory for data or input. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof PolicyAbort) return error.message === 'opa_malloc: failed'
  return error instanceof RangeError && /memory/i.test(error.message)
}

export function outOfMemory(cause: unknown): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_OUT_OF_MEMORY', 'The policy needs more memory than it may have.', { cause })
}

/** `known`: a throw after which setting memory and globals back is enough, since nothing but the module was unwound. */
function classify(error: unknown, fuel: number): { failure: CustomhouseError; known: boolean } {
  if (isCustomhouseError(error)) return { failure: error, known: true }
  if (isOutOfMemory(error)) return { failure: outOfMemory(error), known: true }
  if (error instanceof PolicyAbort)
    return { failure: threw(`The policy gave up: ${error.message}.`, error), known: true }
  if (error instanceof WebAssembly.RuntimeError && fuel === 0) return { failure: outOfFuel(error), known: true }
  const deep = error instanceof RangeError && /call stack/i.test(error.message)
  const what = deep
    ? 'The policy or its input is nested too deeply.'
    : 'The policy evaluation failed in an unexpected way.'
  return { failure: threw(what, error), known: false }
}

/** What it came to before it failed is on record too. */
export function burnt(failure: CustomhouseError, fuel: number): CustomhouseError {
  const { code, message, cause, status, detail } = failure
  return new CustomhouseError(code, message, { cause, status, detail: { ...detail, fuel } })
}

function threw(message: string, cause: unknown): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_THREW', message, { cause })
}
