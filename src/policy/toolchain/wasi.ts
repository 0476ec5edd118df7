import { webcrypto } from 'node:crypto'

/**
 * The whole world that the toolchain sees: a clock, randomness, and a standard error that goes nowhere. There is no
 * file, no socket, no environment and no argument; every other call of wasi_snapshot_preview1 answers ENOSYS. We use
 * this and not `node:wasi`, which is experimental and whose documentation disclaims being a sandbox.
 */

const SUCCESS = 0
const BADF = 8
const NOSYS = 52

const CLOCK_REALTIME = 0
/** Standard input, output and error exist, since Go's start-up asks for their kind; nothing else does. */
const STANDARD_STREAMS = 3
const FILETYPE_CHARACTER_DEVICE = 2
/** The longest single sleep: Go's scheduler asks again if it still has nothing to do. */
const LONGEST_NAP_MS = 1000
/** How much of standard error is kept, for the message of a crash. */
const STDERR_TAIL = 4096
/** getRandomValues gives at most this many bytes at a time (Web Crypto, 10.1.1). */
const RANDOM_CHUNK = 65536

/** The toolchain ended itself: Go does so on an unrecoverable fault, such as running out of memory. */
export class ReactorExit extends Error {
  constructor(status: number, stderr: string) {
    super(`the toolchain ended itself with status ${status}${stderr === '' ? '' : `: ${stderr}`}`)
    this.name = 'ReactorExit'
  }
}

/** An initialised toolchain: JSON text in, JSON text out. Not re-entrant. */
export interface Reactor {
  /** @param now milliseconds since the epoch at which the wall clock stands still during the call; absent: it runs. */
  call(request: string, now?: number): string
  memoryBytes(): number
}

interface ReactorExports {
  readonly memory: WebAssembly.Memory
  readonly _initialize: () => void
  readonly alloc: (size: number) => number
  readonly dealloc: (address: number) => void
  readonly call: (address: number, size: number) => bigint
}

/** Instantiates and initialises the reactor. Synchronous and slow (about half a second): for a worker. */
export function startReactor(module: WebAssembly.Module): Reactor {
  let frozen: number | undefined
  let stderr = ''
  const view = (): DataView => new DataView(exported.memory.buffer)
  const bytes = (address: number, size: number): Uint8Array<ArrayBuffer> =>
    new Uint8Array(exported.memory.buffer, address >>> 0, size >>> 0)
  const monotonic = (): bigint => process.hrtime.bigint()

  const calls: Record<string, (...args: never[]) => number> = {
    args_sizes_get: (count: number, size: number) => none(count, size),
    environ_sizes_get: (count: number, size: number) => none(count, size),
    args_get: () => SUCCESS,
    environ_get: () => SUCCESS,
    sched_yield: () => SUCCESS,
    clock_time_get: (id: number, _precision: bigint, out: number) => {
      const wall = frozen ?? Date.now()
      view().setBigUint64(out, id === CLOCK_REALTIME ? BigInt(Math.trunc(wall)) * 1_000_000n : monotonic(), true)
      return SUCCESS
    },
    random_get: (address: number, size: number) => {
      for (let done = 0; done < size; done += RANDOM_CHUNK) {
        webcrypto.getRandomValues(bytes(address + done, Math.min(RANDOM_CHUNK, size - done)))
      }
      return SUCCESS
    },
    fd_write: (fd: number, vectors: number, count: number, written: number) => {
      if (fd !== 1 && fd !== 2) return BADF
      let total = 0
      for (let i = 0; i < count; i++) {
        const size = view().getUint32(vectors + i * 8 + 4, true)
        stderr += new TextDecoder().decode(bytes(view().getUint32(vectors + i * 8, true), size))
        total += size
      }
      stderr = stderr.slice(-STDERR_TAIL)
      view().setUint32(written, total, true)
      return SUCCESS
    },
    fd_fdstat_get: (fd: number, out: number) => {
      if (fd < 0 || fd >= STANDARD_STREAMS) return BADF
      bytes(out, 24).fill(0)
      view().setUint8(out, FILETYPE_CHARACTER_DEVICE)
      return SUCCESS
    },
    fd_prestat_get: () => BADF,
    poll_oneoff: (subscriptions: number, events: number, count: number, out: number) =>
      nap(view(), subscriptions, events, count, out, monotonic()),
    proc_exit: (status: number) => {
      throw new ReactorExit(status, stderr.trim())
    },
  }
  const none = (count: number, size: number): number => {
    view().setUint32(count, 0, true)
    view().setUint32(size, 0, true)
    return SUCCESS
  }

  const imports: Record<string, WebAssembly.ImportValue> = {}
  for (const { module: space, name, kind } of WebAssembly.Module.imports(module)) {
    if (space !== 'wasi_snapshot_preview1' || kind !== 'function') {
      throw new Error(`the toolchain asks for ${space}.${name}, which is outside its sandbox`)
    }
    imports[name] = calls[name] ?? (() => NOSYS)
  }
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports })
  // The artefact is ours and its hash was checked; its exports are those of toolchain/wasm.go.
  const exported = instance.exports as unknown as ReactorExports
  exported._initialize()

  return {
    call(request, now) {
      frozen = now
      stderr = ''
      const encoded = new TextEncoder().encode(request)
      const address = exported.alloc(encoded.length)
      bytes(address, encoded.length).set(encoded)
      const packed = BigInt.asUintN(64, exported.call(address, encoded.length))
      exported.dealloc(address)
      const answer = Number(packed >> 32n)
      const text = new TextDecoder().decode(bytes(answer, Number(packed & 0xffffffffn)))
      exported.dealloc(answer)
      return text
    },
    memoryBytes: () => exported.memory.buffer.byteLength,
  }
}

/** poll_oneoff for clocks only: sleeps for the shortest subscription and reports that one (WASI preview 1, `poll_oneoff`). */
function nap(view: DataView, subscriptions: number, events: number, count: number, out: number, now: bigint): number {
  let shortest: { userdata: bigint; ms: number } | undefined
  for (let i = 0; i < count; i++) {
    const at = subscriptions + i * 48
    if (view.getUint8(at + 8) !== 0) return NOSYS
    const timeout = view.getBigUint64(at + 24, true)
    const absolute = (view.getUint16(at + 40, true) & 1) === 1
    const ms = Math.max(0, Number(absolute ? timeout - now : timeout) / 1e6)
    if (shortest === undefined || ms < shortest.ms) shortest = { userdata: view.getBigUint64(at, true), ms }
  }
  if (shortest === undefined) return NOSYS
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(shortest.ms, LONGEST_NAP_MS))
  new Uint8Array(view.buffer, events, 32).fill(0)
  view.setBigUint64(events, shortest.userdata, true)
  view.setUint32(out, 1, true)
  return SUCCESS
}
