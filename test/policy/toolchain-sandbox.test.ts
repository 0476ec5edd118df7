import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { PolicyCompileError } from '../../src/policy/diagnostics.ts'
import { artefactFolder, readArtefact, readProvenance } from '../../src/policy/toolchain/artefact.ts'
import { openToolchain, type Toolchain, type ToolchainOptions } from '../../src/policy/toolchain/index.ts'
import { startReactor } from '../../src/policy/toolchain/wasi.ts'

const folder = mkdtempSync(join(tmpdir(), 'customhouse-toolchain-test-'))
const opened: Toolchain[] = []
const open = (options: ToolchainOptions): Toolchain => {
  const toolchain = openToolchain(options)
  opened.push(toolchain)
  return toolchain
}
afterAll(async () => {
  await Promise.all(opened.map((toolchain) => toolchain.close()))
  rmSync(folder, { recursive: true, force: true })
})

const sound = { 'p.rego': 'package p\n\na := 1\n' }
const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isCustomhouseError(error, 'ERR_POLICY_TOOLCHAIN') ? error.message : `another error: ${error}`),
  )

/** A copy of the artefact's folder that a test may damage. */
function copy(name: string): string {
  const to = join(folder, name)
  cpSync(artefactFolder(), to, { recursive: true })
  return to
}

/** An artefact of our own making with honest hashes: what a test wants the worker to run. */
function artefact(name: string, wasm: Uint8Array): string {
  const to = join(folder, name)
  mkdirSync(to)
  const packed = brotliCompressSync(wasm, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(to, 'rego.wasm.br'), packed)
  writeFileSync(
    join(to, 'provenance.json'),
    JSON.stringify({
      artefact: { file: 'rego.wasm.br', bytes: packed.length, sha256: sha256(packed) },
      wasm: { bytes: wasm.length, sha256: sha256(wasm) },
    }),
  )
  return to
}

/**
 * A module with the reactor's exports (WebAssembly Core 5.5). Types: 0 []->[], 1 [i32]->[i32], 2 [i32]->[],
 * 3 [i32 i32]->[i64]; `imports` are of type 2.
 */
function reactor(call: readonly number[], imports: readonly (readonly [string, string])[] = []): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
  const section = (id: number, items: readonly (readonly number[])[]): number[] => {
    const body = [items.length, ...items.flat()]
    return [id, body.length, ...body]
  }
  const body = (code: readonly number[]): number[] => [code.length + 2, 0, ...code, 0x0b]
  const first = imports.length
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      [0x60, 0, 0],
      [0x60, 1, 0x7f, 1, 0x7f],
      [0x60, 1, 0x7f, 0],
      [0x60, 2, 0x7f, 0x7f, 1, 0x7e],
    ]),
    ...(first === 0
      ? []
      : section(
          2,
          imports.map(([space, name]) => [...text(space), ...text(name), 0, 2]),
        )),
    ...section(3, [[0], [1], [2], [3]]),
    ...section(5, [[0, 1]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('_initialize'), 0, first],
      [...text('alloc'), 0, first + 1],
      [...text('dealloc'), 0, first + 2],
      [...text('call'), 0, first + 3],
    ]),
    ...section(10, [body([]), body([0x41, 0]), body([]), body(call)]),
  ])
}

const UNREACHABLE = [0x00]
/** proc_exit(7), then a result that is never reached. */
const EXIT = [0x41, 7, 0x10, 0, 0x42, 0]

describe('the artefact', () => {
  test('is the one that provenance.json names, of the OPA and the Go that go.mod pins', () => {
    const provenance = readProvenance(artefactFolder())
    const goMod = readFileSync(join(artefactFolder(), '..', 'go.mod'), 'utf8')
    expect(goMod).toContain(`github.com/open-policy-agent/opa ${provenance.opa}\n`)
    expect(goMod).toContain(`\ntoolchain ${provenance.go}\n`)
    expect(readArtefact(artefactFolder()).length).toBe(provenance.wasm.bytes)
  })

  test('answers with that OPA', async () => {
    const { opa, go } = readProvenance(artefactFolder())
    const version = await open({}).version()
    expect(version).toEqual({ opa: opa.slice(1), go, platform: 'wasip1/wasm' })
  })

  test.each([
    ['one flipped bit', (path: string) => flip(join(path, 'rego.wasm.br'), 1_000_000), /rego\.wasm\.br has SHA-256/],
    ['a cut file', (path: string) => cut(join(path, 'rego.wasm.br')), /rego\.wasm\.br has SHA-256/],
    ['no file', (path: string) => rmSync(join(path, 'rego.wasm.br')), /rego\.wasm\.br cannot be read/],
    ['no provenance', (path: string) => rmSync(join(path, 'provenance.json')), /provenance\.json cannot be read/],
    [
      'another wasm under the hash of its packed form',
      (path: string) => {
        const to = join(path, 'provenance.json')
        const provenance = JSON.parse(readFileSync(to, 'utf8'))
        writeFileSync(to, JSON.stringify({ ...provenance, wasm: { ...provenance.wasm, sha256: '0'.repeat(64) } }))
      },
      /unpacked, has SHA-256/,
    ],
  ])('is refused with %s', async (name, damage, message) => {
    const path = copy(name.replaceAll(' ', '-'))
    damage(path)
    const toolchain = open({ folder: path })
    const error = await refusal(toolchain.check({ files: sound }))
    expect(error).toMatch(message)
    expect(error).toMatch(/^The policy toolchain is refused: /)
    // Nor does it get through on a second try.
    expect(await refusal(toolchain.build({ files: sound, entrypoints: ['p/a'] }))).toMatch(/refused/)
  })

  test('runs from the published layout: JavaScript below dist', async () => {
    const root = join(folder, 'package')
    const from = join(import.meta.dirname, '../..')
    for (const path of readdirSync(join(from, 'src'), { recursive: true, encoding: 'utf8' })) {
      if (!/^(core|policy)\/.*(?<!\.d)\.ts$/.test(path)) continue
      const to = join(root, 'dist/src', path.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(to), { recursive: true })
      const code = stripTypeScriptTypes(readFileSync(join(from, 'src', path), 'utf8'))
      writeFileSync(to, code.replaceAll(/(from|import) '(\.[^']*)\.ts'/g, "$1 '$2.js'"))
    }
    writeFileSync(join(root, 'package.json'), '{"type":"module"}')
    cpSync(artefactFolder(), join(root, 'toolchain/dist'), { recursive: true })
    symlinkSync(join(from, 'node_modules'), join(root, 'node_modules'))
    const url = pathToFileURL(join(root, 'dist/src/policy/toolchain/index.js')).href
    const published: { openToolchain: typeof openToolchain } = await import(/* @vite-ignore */ url)
    const toolchain = published.openToolchain()
    opened.push(toolchain)
    expect((await toolchain.check({ files: sound })).packages).toEqual(['data.p'])
  })
})

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

function cut(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.subarray(0, bytes.length / 2))
}

describe('the sandbox', () => {
  test('is nothing but WASI, and of that only a clock, randomness and a standard error that goes nowhere', () => {
    const module = new WebAssembly.Module(readArtefact(artefactFolder()))
    const asked = WebAssembly.Module.imports(module)
    expect(new Set(asked.map((one) => one.module))).toEqual(new Set(['wasi_snapshot_preview1']))
    // No call of WASI that opens a socket exists in the module at all.
    expect(asked.filter(({ name }) => name.startsWith('sock_'))).toEqual([])
  })

  test('a module that asks for more is not started', async () => {
    const path = artefact('asks-for-more', reactor(UNREACHABLE, [['env', 'open_file']]))
    expect(await refusal(open({ folder: path }).version())).toContain('env.open_file, which is outside its sandbox')
  })

  /** The host's side of one WASI call, and the memory that it writes to. */
  function hostCall(name: string): { call: (...args: number[]) => unknown; memory: DataView } {
    const seen: { imports: WebAssembly.Imports | undefined; exports: WebAssembly.Exports }[] = []
    const original = WebAssembly.Instance
    class Spy extends original {
      constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
        super(module, imports)
        seen.push({ imports, exports: this.exports })
      }
    }
    WebAssembly.Instance = Spy
    try {
      startReactor(new WebAssembly.Module(reactor(UNREACHABLE, [['wasi_snapshot_preview1', name]])))
    } finally {
      WebAssembly.Instance = original
    }
    const call = seen[0]?.imports?.wasi_snapshot_preview1?.[name]
    const memory = seen[0]?.exports.memory
    if (typeof call !== 'function' || !(memory instanceof WebAssembly.Memory)) throw new Error(`no ${name}`)
    return { call: (...args) => Reflect.apply(call, undefined, args), memory: new DataView(memory.buffer) }
  }

  test.each(['path_open', 'fd_read', 'fd_prestat_dir_name', 'path_readlink', 'fd_readdir', 'sock_accept', 'sock_send'])(
    '%s answers ENOSYS',
    (name) => {
      expect(hostCall(name).call(0, 0, 0, 0, 0, 0, 0, 0, 0)).toBe(52)
    },
  )

  test.each(['environ_sizes_get', 'args_sizes_get'])('%s: there are none', (name) => {
    const { call, memory } = hostCall(name)
    memory.setUint32(8, 99, true)
    memory.setUint32(12, 99, true)
    expect(call(8, 12)).toBe(0)
    expect([memory.getUint32(8, true), memory.getUint32(12, true)]).toEqual([0, 0])
  })

  test.each([
    ['a file', 5, 8],
    ['standard input', 0, 8],
    ['standard error', 2, 0],
  ])('fd_write to %s', (_name, fd, errno) => {
    const { call, memory } = hostCall('fd_write')
    memory.setUint32(8, 64, true)
    memory.setUint32(12, 3, true)
    expect(call(fd, 8, 1, 16)).toBe(errno)
    expect(memory.getUint32(16, true)).toBe(errno === 0 ? 3 : 0)
  })

  test('no folder is opened beforehand, and only the standard streams exist', () => {
    expect(hostCall('fd_prestat_get').call(3, 8)).toBe(8)
    expect([0, 1, 2, 3, 4].map((fd) => hostCall('fd_fdstat_get').call(fd, 8))).toEqual([0, 0, 0, 8, 8])
  })
})

describe('a worker that fails', () => {
  const slow = {
    files: {
      'p.rego':
        'package p\n\na := count([1 | some x in numbers.range(1, 3000); some y in numbers.range(1, 3000); x == y])\n',
    },
    entrypoint: 'p/a',
  }

  test('is ended when a call takes too long, and started anew by the next', async () => {
    const toolchain = open({ callMs: 2500 })
    await toolchain.version()
    const started = performance.now()
    const [first, second] = await Promise.all([
      refusal(toolchain.eval(slow)),
      toolchain.check({ files: sound }).then(({ packages }) => packages),
    ])
    expect(first).toBe('The policy toolchain took longer than 2500 ms and was stopped.')
    expect(second).toEqual(['data.p'])
    expect(performance.now() - started).toBeLessThan(30_000)
    expect((await toolchain.check({ files: { 'q.rego': 'package q\n' } })).packages).toEqual(['data.q'])
  })

  test.each([
    ['traps', reactor(UNREACHABLE), /^The policy toolchain failed: unreachable/],
    [
      'ends itself',
      reactor(EXIT, [['wasi_snapshot_preview1', 'proc_exit']]),
      /^The policy toolchain failed: the toolchain ended itself with status 7\./,
    ],
    ['is no wasm', Uint8Array.from([1, 2, 3, 4]), /^The policy toolchain failed: /],
  ])('is an error of the call when it %s, and the next call starts another', async (name, wasm, message) => {
    const toolchain = open({ folder: artefact(name.replaceAll(' ', '-'), wasm) })
    const answers = await Promise.all([refusal(toolchain.version()), refusal(toolchain.check({ files: sound }))])
    for (const answer of answers) expect(answer).toMatch(message)
    expect(await refusal(toolchain.version())).toMatch(message)
  })

  test('a start that hangs is ended', async () => {
    // loop br 0 end, in _initialize's place: the module never becomes ready.
    const wasm = Buffer.from(reactor(UNREACHABLE))
    const empty = wasm.indexOf(Buffer.from([4, 2, 0, 0x0b]))
    const hanging = Buffer.concat([
      wasm.subarray(0, empty - 1),
      Buffer.from([(wasm[empty - 1] ?? 0) + 5, 4, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]),
      wasm.subarray(empty + 4),
    ])
    expect(WebAssembly.validate(hanging)).toBe(true)
    const toolchain = open({ folder: artefact('hangs', hanging), startMs: 500 })
    expect(await refusal(toolchain.version())).toBe('The policy toolchain did not start within 500 ms.')
  })
})

describe('many calls at once', () => {
  test('each gets its own answer, and one answer serves all who ask the same', async () => {
    const toolchain = open({})
    const numbers = Array.from({ length: 40 }, (_, i) => i % 20)
    const values = await Promise.all(
      numbers.map(async (n) => {
        const built = await toolchain.build({ files: { 'p.rego': `package p\n\na := ${n}\n` }, entrypoints: ['p/a'] })
        return [n, createHash('sha256').update(built.wasm).digest('hex')] as const
      }),
    )
    const byNumber = new Map(values)
    expect(new Set(byNumber.values()).size).toBe(20)
    for (const [n, hash] of values) expect(hash).toBe(byNumber.get(n))
  })

  test('a policy that does not compile does not disturb its neighbours', async () => {
    const toolchain = open({})
    const results = await Promise.allSettled([
      toolchain.build({ files: sound, entrypoints: ['p/a'] }),
      toolchain.build({ files: { 'p.rego': 'package p\n\na if {' }, entrypoints: ['p/a'] }),
      toolchain.build({ files: sound, entrypoints: ['p/a'] }),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]?.status === 'rejected' && results[1].reason).toBeInstanceOf(PolicyCompileError)
  })

  test('closing ends what is waiting, and nothing starts after it', async () => {
    const toolchain = openToolchain()
    const waiting = [refusal(toolchain.version()), refusal(toolchain.check({ files: sound }))]
    await toolchain.close()
    expect(await Promise.all(waiting)).toEqual(['The policy toolchain was closed.', 'The policy toolchain was closed.'])
    expect(await refusal(toolchain.version())).toBe('The policy toolchain is closed.')
  })
})

describe('the cache on disk', () => {
  const source = { files: sound, entrypoints: ['p/a'], revision: 'cached' }

  test('outlives the process, serves without the toolchain, and is never believed when damaged', async () => {
    const cacheDir = join(folder, 'cache')
    const built = await open({ cacheDir }).build(source)
    const [file, ...others] = readdirSync(cacheDir)
    expect(others).toEqual([])
    const path = join(cacheDir, file ?? '')

    // An artefact of the same hash that cannot be read: only the cache can answer.
    const emptied = copy('emptied')
    rmSync(join(emptied, 'rego.wasm.br'))
    const again = open({ cacheDir, folder: emptied })
    expect(await again.build(source)).toEqual(built)
    expect(await refusal(again.build({ ...source, revision: 'other' }))).toMatch(/cannot be read/)

    const text = readFileSync(path, 'utf8')
    for (const damaged of [text.slice(0, -3), text.replace('"cached"', '"forged"'), '', 'x\n']) {
      writeFileSync(path, damaged)
      expect(await refusal(open({ cacheDir, folder: emptied }).build(source))).toMatch(/cannot be read/)
    }
    writeFileSync(path, text.slice(0, -3))
    expect(await open({ cacheDir }).build(source)).toEqual(built)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  test('a folder that cannot be used is named', async () => {
    const cacheDir = join(folder, 'in-the-way')
    writeFileSync(cacheDir, '')
    expect(await refusal(open({ cacheDir }).build(source))).toMatch(/in-the-way.* cannot be used/)
  })
})
