import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { CustomhouseError } from '../../core/errors.ts'

/** What toolchain/dist/provenance.json says of the artefact beside it. Hashes are SHA-256 in lower-case hex. */
export type Provenance = Readonly<{
  opa: string
  go: string
  flags: readonly string[]
  artefact: Readonly<{ file: string; bytes: number; sha256: string }>
  wasm: Readonly<{ bytes: number; sha256: string }>
  sources: Readonly<Record<string, string>>
}>

/**
 * The folder of the built toolchain, found from this file upwards: the first folder with a package.json is the package's
 * root, both in the repository (src/policy/toolchain) and in the published package (dist/src/policy/toolchain).
 */
export function artefactFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder) throw refused(`no package.json above ${import.meta.dirname}`)
    folder = above
  }
  return join(folder, 'toolchain', 'dist')
}

/** Reads provenance.json. */
export function readProvenance(folder: string): Provenance {
  try {
    return JSON.parse(readFileSync(join(folder, 'provenance.json'), 'utf8')) as Provenance
  } catch (cause) {
    throw refused(`${join(folder, 'provenance.json')} cannot be read`, cause)
  }
}

/**
 * Reads and unpacks the toolchain, and refuses it unless both the packed and the unpacked bytes are the ones that
 * provenance.json names: what compiles the policies is as trusted as the policies.
 */
export function readArtefact(folder: string): Uint8Array<ArrayBuffer> {
  const provenance = readProvenance(folder)
  const path = join(folder, provenance.artefact.file)
  let packed: Uint8Array
  try {
    packed = readFileSync(path)
  } catch (cause) {
    throw refused(`${path} cannot be read`, cause)
  }
  demand(path, packed, provenance.artefact.sha256)
  const wasm = brotliDecompressSync(packed, { maxOutputLength: provenance.wasm.bytes })
  demand(`${path}, unpacked,`, wasm, provenance.wasm.sha256)
  return new Uint8Array(wasm)
}

function demand(what: string, bytes: Uint8Array, sha256: string): void {
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== sha256) throw refused(`${what} has SHA-256 ${found}, but provenance.json says ${sha256}`)
}

function refused(why: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_TOOLCHAIN',
    `The policy toolchain is refused: ${why}; install Customhouse again, or run node scripts/build-toolchain.mjs.`,
    cause === undefined ? {} : { cause },
  )
}
