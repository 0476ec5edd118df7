import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, opendir, readlink, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { type Diagnostic, PolicyCompileError, sourceFault } from './diagnostics.ts'
import { DataTree, parseDataFile } from './toolchain/data.ts'

/**
 * A policy folder, read. The rules are OPA's own for a folder, made strict:
 *
 * - `*.rego` are modules, named by their path in the folder;
 * - `schema/*.json` are schemas, named by their path below `schema/` without `.json`;
 * - any other `*.json`, `*.yaml`, `*.yml` is data: `a/b/x.yaml` is merged at `data.a.b`, whatever its own name;
 * - files and folders whose name begins with a dot, and all other files, are passed over;
 * - a link is followed only to a file inside the folder, or from its top to the folder of the same name in `..data`, so that a mounted
 *   ConfigMap works and nothing else does;
 * - a file over 1 MiB, text that is not UTF-8, two files for one place in data: refused;
 * - so is a folder of more than 10,000 entries, 4,096 files that are read, 128 MiB in them, or 32 folders in each other.
 */
export type PolicySource = Readonly<{
  /** Path -> text, paths with `/`. */
  modules: Readonly<Record<string, string>>
  data: Readonly<Record<string, Json>>
  /** Name -> JSON Schema. */
  schemas: Readonly<Record<string, Json>>
  /** SHA-256, lower-case hex, over the path and bytes of every file read, in the order of the paths. */
  digest: string
}>

const LARGEST_FILE = 1024 * 1024
const MOST_FILES = 4096
const MOST_BYTES = 128 * 1024 * 1024
const MOST_ENTRIES = 10_000
const DEEPEST = 32
/** The machine's want, not the file's fault: nothing is known of the file. */
const WANTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/**
 * Reads a policy folder.
 * @throws PolicyCompileError with every fault found in its files; ERR_POLICY_COMPILE when the folder itself is unreadable.
 */
export async function readPolicySource(folder: string): Promise<PolicySource> {
  const faults: Diagnostic[] = []
  const texts = new Map<string, string>()
  const digest = await visit(folder, faults, (path, bytes) => {
    const text = decode(path, bytes, faults)
    if (text !== undefined) texts.set(path, text)
  })

  const modules: Record<string, string> = {}
  const schemas: Record<string, Json> = {}
  const data = new DataTree(faults)
  for (const [path, text] of texts) {
    if (path.endsWith('.rego')) {
      modules[path] = text
      continue
    }
    const document = parseDataFile(path, text, faults)
    if (document === undefined) continue
    if (isSchema(path)) schemas[path.slice('schema/'.length, -'.json'.length)] = document
    else data.merge(path, document)
  }
  if (faults.length > 0) throw new PolicyCompileError(faults, Object.fromEntries(texts))
  return { modules, data: data.document, schemas, digest }
}

/**
 * The digest that {@link readPolicySource} would give now, by the same walk. Files that it could not read count with their fault, so that it is another
 * once that is mended.
 * @throws ERR_POLICY_COMPILE when the folder itself is unreadable
 */
export async function policySourceDigest(folder: string): Promise<string> {
  const faults: Diagnostic[] = []
  const digest = await visit(folder, faults, () => undefined)
  if (faults.length === 0) return digest
  return createHash('sha256')
    .update(`${digest}${JSON.stringify(faults)}`)
    .digest('hex')
}

/** Takes every file that is read, in the order of the paths; one at a time is in memory. Resolves with {@link PolicySource.digest}. */
async function visit(
  folder: string,
  faults: Diagnostic[],
  take: (path: string, bytes: Uint8Array) => void,
): Promise<string> {
  let root: string
  try {
    root = await realpath(folder)
  } catch (cause) {
    throw unreadable(folder, cause)
  }
  const listing: Listing = { root, files: [], entries: 0, faults }
  await list(listing, '', 0)
  const hash = createHash('sha256')
  let left = MOST_BYTES
  for (const path of listing.files.sort()) {
    const bytes = await read(root, path, faults)
    if (bytes === undefined) continue
    left -= bytes.length
    if (left < 0) throw tooLarge(root, `${MOST_BYTES / 2 ** 20} MiB of text`)
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
    take(path, bytes)
  }
  return hash.digest('hex')
}

function isSchema(path: string): boolean {
  return path.startsWith('schema/') && path.endsWith('.json')
}

function isRead(name: string): boolean {
  return /\.(rego|json|ya?ml)$/.test(name)
}

type Listing = { readonly root: string; readonly files: string[]; entries: number; readonly faults: Diagnostic[] }

async function list(into: Listing, folder: string, depth: number): Promise<void> {
  const { root, files, faults } = into
  if (depth > DEEPEST) throw tooLarge(root, `${DEEPEST} folders in each other`)
  const below: string[] = []
  for await (const entry of entries(join(root, folder))) {
    into.entries += 1
    if (into.entries > MOST_ENTRIES) throw tooLarge(root, `${MOST_ENTRIES} entries`)
    if (entry.name.startsWith('.')) continue
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) below.push(path)
    else if (entry.isFile() && isRead(entry.name)) files.push(path)
    else if (entry.isSymbolicLink()) {
      if (folder === '' && (await isOfConfigMap(root, path))) below.push(path)
      else if (!isRead(entry.name)) continue
      else if (await leadsInside(root, path)) files.push(path)
      else faults.push(sourceFault(path, 'This link leads out of the policy folder: put the file itself here.'))
    }
    if (files.length > MOST_FILES) throw tooLarge(root, `${MOST_FILES} files`)
  }
  for (const path of below.sort()) await list(into, path, depth + 1)
}

async function* entries(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder)
  } catch (cause) {
    if (cause instanceof CustomhouseError) throw cause
    throw unreadable(folder, cause)
  }
}

function tooLarge(root: string, what: string): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_COMPILE', `The policy folder ${root} holds more than ${what}.`)
}

/** A folder that does not open, with what the system said of it. */
function unreadable(folder: string, cause: unknown): CustomhouseError {
  const code = codeOf(cause)
  const why = code === 'ENOTDIR' ? 'it is no folder: name the folder of the policies' : mends(code)
  return new CustomhouseError('ERR_POLICY_COMPILE', `The policy folder ${folder} cannot be read: ${why}.`, { cause })
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown')

function mends(code: string): string {
  if (code === 'ENOENT') return 'it does not exist (ENOENT): check the path'
  if (code === 'EACCES' || code === 'EPERM') return `no permission (${code}): let the user of the gateway read it`
  return `the system says ${code}`
}

/** Kubernetes mounts `a/b.rego` of a ConfigMap as a link `a` to `..data/a`, and `..data` is a link to the folder of its version. */
async function isOfConfigMap(root: string, name: string): Promise<boolean> {
  try {
    if ((await readlink(join(root, name))) !== `..data/${name}`) return false
    const target = await realpath(join(root, name))
    return target.startsWith(root + sep) && (await stat(target)).isDirectory()
  } catch {
    return false
  }
}

async function leadsInside(root: string, path: string): Promise<boolean> {
  try {
    return (await realpath(join(root, path))).startsWith(root + sep)
  } catch {
    return false
  }
}

async function read(root: string, path: string, faults: Diagnostic[]): Promise<Uint8Array | undefined> {
  // The link that was judged is the one that is opened: its target is resolved once more, and that is opened without
  // following another.
  const target = await realpath(join(root, path)).catch(() => '')
  if (!target.startsWith(root + sep)) {
    faults.push(sourceFault(path, 'This file cannot be found inside the policy folder.'))
    return undefined
  }
  let file: FileHandle
  try {
    file = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (WANTS.has(codeOf(cause))) throw unreadable(join(root, path), cause)
    faults.push(sourceFault(path, `This file cannot be read: ${mends(codeOf(cause))}.`))
    return undefined
  }
  try {
    const status = await file.stat()
    if (!status.isFile()) {
      faults.push(sourceFault(path, 'This is no ordinary file.'))
      return undefined
    }
    // A byte more than it says, to see its end.
    const bytes = Buffer.alloc(Math.min(status.size, LARGEST_FILE) + 1)
    let size = 0
    for (let more = 1; more > 0 && size < bytes.length; size += more) {
      more = (await file.read(bytes, size, bytes.length - size)).bytesRead
    }
    if (size <= status.size && size <= LARGEST_FILE) return bytes.subarray(0, size)
    const grows = status.size <= LARGEST_FILE
    const fault = grows ? 'This file grows while it is read.' : 'This file is larger than 1 MiB: split it.'
    faults.push(sourceFault(path, fault))
    return undefined
  } finally {
    await file.close()
  }
}

function decode(path: string, bytes: Uint8Array, faults: Diagnostic[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    faults.push(sourceFault(path, 'This file is not UTF-8 text.'))
    return undefined
  }
}
