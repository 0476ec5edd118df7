import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { BUNDLE_LIMITS, loadEngine, readBundle } from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const toolchain = openToolchain()
afterAll(() => toolchain.close())

type Entry = Readonly<{ name: string; body?: string | Uint8Array; type?: string; size?: string; broken?: boolean }>

function block({ name, body = '', type = '0', size, broken = false }: Entry): Buffer {
  const content = Buffer.from(body)
  const header = Buffer.alloc(512)
  header.write(name, 0, 100)
  header.write('0000644\0', 100)
  header.write(size ?? `${content.length.toString(8).padStart(11, '0')}\0`, 124, 12)
  header.write('        ', 148)
  header.write(type, 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0) + (broken ? 1 : 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

const tar = (entries: readonly Entry[], end = true): Buffer =>
  Buffer.concat([...entries.map(block), Buffer.alloc(end ? 1024 : 0)])
const pack = (...entries: Entry[]): Buffer => gzipSync(tar(entries))
const json = (value: unknown): string => JSON.stringify(value)

const WASM: Entry = { name: '/policy.wasm', body: 'wasm' }
const MANIFEST: Entry = {
  name: '/.manifest',
  body: json({
    revision: 'r1',
    roots: ['p', 'q/r'],
    metadata: { k: 1 },
    wasm: [{ entrypoint: 'p/x', module: '/policy.wasm', annotations: [{ custom: { a: ['b'] } }] }],
  }),
}

describe('a bundle', () => {
  it.each(['/', './', ''])('is read with names that begin with %j', (lead) => {
    const bundle = readBundle(
      pack(
        { name: `${lead}data.json`, body: '{"p": {"n": 12345678901234567890}}' },
        { ...WASM, name: `${lead}policy.wasm` },
        { ...MANIFEST, name: `${lead}.manifest` },
        { name: `${lead}p/`, type: '5' },
        { name: `${lead}p/p.rego`, body: 'package p' },
      ),
    )
    expect(bundle).toMatchObject({ revision: 'r1', roots: ['p', 'q/r'], metadata: { k: 1 } })
    expect(bundle.entrypoints).toEqual([{ entrypoint: 'p/x', annotations: [{ custom: { a: ['b'] } }] }])
    expect(Buffer.from(bundle.data).toString()).toBe('{"p": {"n": 12345678901234567890}}')
    expect([...bundle.files.keys()]).toEqual(['data.json', 'policy.wasm', '.manifest', 'p/p.rego'])
  })

  it('takes data from folders, and long names from pax headers', () => {
    const long = `q/r/${'x'.repeat(120)}/data.json`
    const record = ` path=${long}\n`
    const length = record.length + 3
    const bundle = readBundle(
      pack(
        WASM,
        MANIFEST,
        { name: 'data.json', body: '{"p": {"a": 1}}' },
        { name: 'p/b/data.json', body: '{"c": 2}' },
        { name: 'PaxHeaders', type: 'x', body: `${length}${record}` },
        { name: 'q/r/cut', body: '3' },
      ),
    )
    expect(JSON.parse(Buffer.from(bundle.data).toString())).toEqual({
      p: { a: 1, b: { c: 2 } },
      q: { r: { ['x'.repeat(120)]: 3 } },
    })
  })

  it.each<[string, () => Uint8Array]>([
    ['no gzip', () => tar([WASM])],
    ['no tar', () => gzipSync(Buffer.alloc(2048, 1))],
    ['an empty archive', () => gzipSync(Buffer.alloc(0))],
    ['an archive without an end', () => gzipSync(tar([WASM], false))],
    [
      'an archive cut in a file',
      () => gzipSync(tar([{ name: 'policy.wasm', body: 'x'.repeat(2000) }]).subarray(0, 1024)),
    ],
    ['a name that climbs', () => pack(WASM, { name: '../policy.rego' })],
    ['a name that climbs within', () => pack(WASM, { name: 'a/../../b' })],
    ['a name with a backslash', () => pack(WASM, { name: 'a\\b' })],
    ['an empty name', () => pack(WASM, { name: '/' })],
    ['a file twice', () => pack(WASM, { ...WASM, name: './policy.wasm' })],
    ['a symbolic link', () => pack(WASM, { name: 'l', type: '2' })],
    ['a hard link', () => pack(WASM, { name: 'l', type: '1' })],
    ['a device', () => pack(WASM, { name: 'd', type: '3' })],
    ['a wrong checksum', () => pack({ ...WASM, broken: true })],
    ['a size in base 256', () => pack({ ...WASM, size: '\x80\0\0\0\0\0\0\0\0\0\0\x04' })],
    ['a negative size', () => pack({ ...WASM, size: '-0000000001\0' })],
    ['a pax header that is none', () => pack({ name: 'x', type: 'x', body: '99 path=a\n' }, WASM)],
    ['no wasm', () => pack(MANIFEST)],
    [
      'two modules',
      () =>
        pack(WASM, {
          name: '.manifest',
          body: json({
            wasm: [
              { entrypoint: 'a', module: 'a.wasm' },
              { entrypoint: 'b', module: 'b.wasm' },
            ],
          }),
        }),
    ],
    ['a delta', () => pack(WASM, { name: 'patch.json', body: '{"data": []}' })],
    ['YAML data', () => pack(WASM, { name: 'p/data.yaml', body: 'a: 1' })],
    ['data that is no JSON', () => pack(WASM, { name: 'data.json', body: '{' })],
    ['data that is no object', () => pack(WASM, { name: 'data.json', body: '[]' })],
    ['data that is no UTF-8', () => pack(WASM, { name: 'data.json', body: Uint8Array.of(0x22, 0xff, 0x22) })],
    [
      'data that collides',
      () => pack(WASM, { name: 'data.json', body: '{"a": 1}' }, { name: 'a/data.json', body: '{"b": 1}' }),
    ],
    ['data outside of its roots', () => pack(WASM, MANIFEST, { name: 'data.json', body: '{"q": {"s": 1}}' })],
    ['roots that overlap', () => pack(WASM, { name: '.manifest', body: json({ roots: ['a', 'a/b'] }) })],
    ['roots that are the same', () => pack(WASM, { name: '.manifest', body: json({ roots: ['a', '/a/'] }) })],
    ['a manifest that is no JSON', () => pack(WASM, { name: '.manifest', body: 'x' })],
    ['a manifest with a wrong revision', () => pack(WASM, { name: '.manifest', body: json({ revision: 1 }) })],
    ['a manifest with wrong roots', () => pack(WASM, { name: '.manifest', body: json({ roots: [1] }) })],
    [
      'a manifest with wrong entrypoints',
      () => pack(WASM, { name: '.manifest', body: json({ wasm: [{ entrypoint: 'a' }] }) }),
    ],
    [
      'a manifest with METADATA that is no list of objects',
      () =>
        pack(WASM, {
          name: '.manifest',
          body: json({ wasm: [{ entrypoint: 'a', module: 'policy.wasm', annotations: ['b'] }] }),
        }),
    ],
  ])('is refused: %s', (_name, archive) => {
    expect(() => readBundle(archive())).toThrow(expect.objectContaining({ code: 'ERR_POLICY_BUNDLE' }))
  })

  it.each<[string, Partial<typeof BUNDLE_LIMITS>]>([
    ['more bytes than allowed', { packed: 100 }],
    ['a gzip bomb', { unpacked: 100_000 }],
    ['too many files', { files: 1 }],
    ['too large a file', { fileBytes: 100_000 }],
  ])('is refused: %s', (_name, limit) => {
    const archive = pack(WASM, { name: 'zeros', body: Buffer.alloc(1_000_000) })
    expect(readBundle(archive).files.size).toBe(2)
    expect(() => readBundle(archive, { ...BUNDLE_LIMITS, ...limit })).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_BUNDLE' }),
    )
  })

  it('with any byte changed is read or refused, never anything else', () => {
    const archive = tar([WASM, MANIFEST, { name: 'data.json', body: '{"p": 1}' }])
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const bytes = Buffer.from(archive)
        bytes[place] = (bytes[place] ?? 0) ^ change
        try {
          expect(readBundle(gzipSync(bytes)).wasm).toBeDefined()
        } catch (error) {
          expect(error).toEqual(expect.objectContaining({ code: 'ERR_POLICY_BUNDLE' }))
        }
      }),
      { numRuns: 300 },
    )
  })
})

const SOURCE = 'package p\n\nx := data.q.list[input.at]\n'
const DATA = { q: { list: ['a', 'ü', 1.5] } }

describe('a bundle by OPA', () => {
  it('its compiler, in the toolchain', async () => {
    const built = await toolchain.build({
      files: { 'p.rego': SOURCE },
      data: DATA,
      entrypoints: ['p/x'],
      revision: 'abc',
    })
    const bundle = readBundle(built.bundle)
    expect(bundle.revision).toBe('abc')
    const engine = await loadEngine(bundle)
    expect(engine.evaluate('p/x', { at: 1 }, { now: 0n })).toMatchObject({ defined: true, value: 'ü' })
    expect(engine.evaluate('p/x', { at: 3 }, { now: 0n })).toMatchObject({ defined: false })
  })

  const opa = process.env.CUSTOMHOUSE_OPA
  it.skipIf(opa === undefined)('its own binary (CUSTOMHOUSE_OPA names it): opa build -t wasm', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-bundle-'))
    try {
      writeFileSync(join(folder, 'p.rego'), SOURCE)
      writeFileSync(join(folder, 'data.json'), JSON.stringify(DATA))
      const run = spawnSync(opa ?? '', ['build', '-t', 'wasm', '-e', 'p/x', '-r', 'abc', '-b', '.', '-o', 'b.tar.gz'], {
        cwd: folder,
        encoding: 'utf8',
      })
      expect(run.status, run.stderr).toBe(0)
      const bundle = readBundle(readFileSync(join(folder, 'b.tar.gz')))
      expect(bundle).toMatchObject({ revision: 'abc', entrypoints: [{ entrypoint: 'p/x', annotations: [] }] })
      const engine = await loadEngine(bundle)
      expect(engine.evaluate('p/x', { at: 2 }, { now: 0n })).toMatchObject({ defined: true, value: 1.5 })
      const built = await toolchain.build({ files: { 'p.rego': SOURCE }, data: DATA, entrypoints: ['p/x'] })
      expect(Buffer.from(built.wasm).equals(bundle.wasm)).toBe(true)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
