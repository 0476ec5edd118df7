import { gunzipSync } from 'node:zlib'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { readTar } from './tar.ts'

/** An entrypoint of the manifest, with the METADATA of its rule, which OPA takes out of the bundle's sources. */
export type BundleEntrypoint = Readonly<{ entrypoint: string; annotations: readonly Readonly<Record<string, Json>>[] }>

/** What an OPA bundle holds, read and checked but for its signature. */
export type Bundle = Readonly<{
  /** The manifest's revision, or an empty string. */
  revision: string
  roots: readonly string[]
  /** The manifest's metadata. */
  metadata: Readonly<Record<string, Json>>
  entrypoints: readonly BundleEntrypoint[]
  wasm: Uint8Array
  /** Base data as JSON in UTF-8. */
  data: Uint8Array
  /** Every file by its name without a leading slash, as a signature lists them. */
  files: ReadonlyMap<string, Uint8Array>
}>

export type BundleLimits = Readonly<{
  /** Bytes of the archive as it comes. */
  packed: number
  /** Bytes after decompression: the guard against a gzip bomb. */
  unpacked: number
  files: number
  fileBytes: number
}>

export const BUNDLE_LIMITS: BundleLimits = {
  packed: 32 * 2 ** 20,
  unpacked: 128 * 2 ** 20,
  files: 10_000,
  fileBytes: 64 * 2 ** 20,
}

function refuse(what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_BUNDLE', `The policy bundle is refused: ${what}.`, { cause })
}

/**
 * Reads a bundle as `opa build -t wasm` writes it: a gzipped tar of `.manifest`, `data.json`, `policy.wasm` and sources. Delta bundles are
 * refused, since OPA signs none; so is YAML data, which `opa build` turns into JSON. Errors: ERR_POLICY_BUNDLE.
 */
export function readBundle(archive: Uint8Array, limits: BundleLimits = BUNDLE_LIMITS): Bundle {
  if (archive.length > limits.packed) throw refuse(`it is larger than ${limits.packed} bytes`)
  const files = readTar(unzip(archive, limits.unpacked), limits)
  if (files.has('patch.json')) throw refuse('it is a delta bundle')
  const manifest = readManifest(files.get('.manifest'))
  const modules = [...new Set(manifest.wasm.map(({ module }) => module.replace(/^\.?\//, '')))]
  if (modules.length > 1) throw refuse('it holds more than one wasm module')
  const name = modules[0] ?? 'policy.wasm'
  const wasm = files.get(name)
  if (wasm === undefined) throw refuse(`it holds no ${name}: build it with opa build -t wasm`)
  const data = readData(files, manifest.roots)
  const { revision, roots, metadata } = manifest
  return {
    revision,
    roots,
    metadata,
    entrypoints: manifest.wasm.map(({ entrypoint, annotations }) => ({ entrypoint, annotations })),
    wasm,
    data,
    files,
  }
}

function unzip(archive: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength })
  } catch (error) {
    throw refuse('it is no gzip archive, or unpacks to too much', error)
  }
}

type Manifest = Readonly<{
  revision: string
  roots: readonly string[]
  metadata: Readonly<Record<string, Json>>
  wasm: readonly (BundleEntrypoint & Readonly<{ module: string }>)[]
}>

const isRecord = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parse(bytes: Uint8Array, name: string): Json {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw refuse(`${name} is not JSON in UTF-8`, error)
  }
}

function readManifest(bytes: Uint8Array | undefined): Manifest {
  if (bytes === undefined) return { revision: '', roots: [''], metadata: {}, wasm: [] }
  const manifest = parse(bytes, '.manifest')
  if (!isRecord(manifest)) throw refuse('.manifest is no object')
  const { revision = '', roots = [''], metadata = {}, wasm = [] } = manifest
  if (typeof revision !== 'string') throw refuse('.manifest revision is no string')
  if (!isRecord(metadata)) throw refuse('.manifest metadata is no object')
  if (!Array.isArray(wasm) || !Array.isArray(roots)) throw refuse('.manifest wasm or roots is no list')
  const resolvers = wasm.map((resolver: Json) => {
    if (!isRecord(resolver)) throw refuse('.manifest wasm holds something other than objects')
    const { entrypoint, module, annotations = [] } = resolver
    if (typeof entrypoint !== 'string' || typeof module !== 'string')
      throw refuse('.manifest wasm lacks entrypoint or module')
    if (!Array.isArray(annotations) || !annotations.every((one: Json) => isRecord(one)))
      throw refuse('.manifest wasm annotations is no list of objects')
    return { entrypoint, module, annotations: annotations.filter((one: Json) => isRecord(one)) }
  })
  return { revision, roots: readRoots(roots), metadata, wasm: resolvers }
}

function readRoots(roots: readonly Json[]): string[] {
  const clean = roots.map((root) => {
    if (typeof root !== 'string') throw refuse('.manifest roots holds something other than strings')
    return root.replace(/^\/+|\/+$/g, '')
  })
  for (const [index, root] of clean.entries()) {
    if (clean.some((other, place) => place !== index && within(other, root)))
      throw refuse(`.manifest roots overlap at ${JSON.stringify(root)}`)
  }
  return clean
}

const within = (path: string, root: string): boolean => root === '' || path === root || path.startsWith(`${root}/`)

function readData(files: ReadonlyMap<string, Uint8Array>, roots: readonly string[]): Uint8Array {
  const documents = [...files].filter(([name]) => /(?:^|\/)data\.json$/.test(name))
  const yaml = [...files.keys()].find((name) => /(?:^|\/)data\.ya?ml$/.test(name))
  if (yaml !== undefined) throw refuse(`${yaml} is YAML: build the bundle with opa build`)
  let merged: Json = {}
  for (const [name, bytes] of documents) {
    const path = name.split('/').slice(0, -1)
    merged = merge(
      merged,
      path.reduceRight<Json>((inner, key) => ({ [key]: inner }), parse(bytes, name)),
      name,
    )
  }
  if (!isRecord(merged)) throw refuse('its data is no object')
  checkRoots(merged, '', roots)
  const only = documents[0]
  // The file itself, where there is one only: its numbers then keep their lexemes.
  if (documents.length === 1 && only !== undefined && only[0] === 'data.json') return only[1]
  return new TextEncoder().encode(JSON.stringify(merged))
}

function merge(left: Json, right: Json, name: string): Json {
  if (!isRecord(left) || !isRecord(right)) throw refuse(`${name} gives a value to what another file gives one to`)
  const out = new Map(Object.entries(left))
  for (const [key, value] of Object.entries(right)) {
    const present = out.get(key)
    out.set(key, present === undefined ? value : merge(present, value, name))
  }
  return Object.fromEntries(out)
}

/** Data outside of the manifest's roots belongs to another bundle. */
function checkRoots(data: Readonly<Record<string, Json>>, path: string, roots: readonly string[]): void {
  for (const [key, value] of Object.entries(data)) {
    const here = path === '' ? key : `${path}/${key}`
    if (roots.some((root) => within(here, root))) continue
    if (!isRecord(value) || !roots.some((root) => within(root, here)))
      throw refuse(`data at ${here} lies outside of its roots`)
    checkRoots(value, here, roots)
  }
}
