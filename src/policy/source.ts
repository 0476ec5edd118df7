import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises'
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
 * - a link is followed only to a file inside the folder, so that a mounted ConfigMap works and nothing else does;
 * - a file over 1 MiB, text that is not UTF-8, two files for one place in data: refused.
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

/**
 * Reads a policy folder.
 * @throws PolicyCompileError with every fault found in its files; ERR_POLICY_COMPILE when the folder itself is unreadable.
 */
export async function readPolicySource(folder: string): Promise<PolicySource> {
  let root: string
  try {
    root = await realpath(folder)
  } catch (cause) {
    throw unreadable(folder, cause)
  }
  const faults: Diagnostic[] = []
  const texts = new Map<string, string>()
  for (const path of (await list(root, '', faults)).sort()) {
    const text = await read(root, path, faults)
    if (text !== undefined) texts.set(path, text)
  }

  const modules: Record<string, string> = {}
  const schemas: Record<string, Json> = {}
  const data = new DataTree(faults)
  const hash = createHash('sha256')
  for (const [path, text] of texts) {
    const bytes = Buffer.from(text)
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
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
  return { modules, data: data.document, schemas, digest: hash.digest('hex') }
}

function isSchema(path: string): boolean {
  return path.startsWith('schema/') && path.endsWith('.json')
}

function isRead(name: string): boolean {
  return /\.(rego|json|ya?ml)$/.test(name)
}

async function list(root: string, folder: string, faults: Diagnostic[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await entries(join(root, folder))) {
    if (entry.name.startsWith('.')) continue
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) found.push(...(await list(root, path, faults)))
    else if (entry.isFile() && isRead(entry.name)) found.push(path)
    else if (entry.isSymbolicLink()) {
      if (!isRead(entry.name)) continue
      if (await leadsInside(root, path)) found.push(path)
      else faults.push(sourceFault(path, 'This link leads out of the policy folder: put the file itself here.'))
    }
    if (found.length > MOST_FILES) {
      throw new CustomhouseError('ERR_POLICY_COMPILE', `The policy folder ${root} holds more than ${MOST_FILES} files.`)
    }
  }
  return found
}

async function entries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (cause) {
    throw unreadable(folder, cause)
  }
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

async function leadsInside(root: string, path: string): Promise<boolean> {
  try {
    return (await realpath(join(root, path))).startsWith(root + sep)
  } catch {
    return false
  }
}

async function read(root: string, path: string, faults: Diagnostic[]): Promise<string | undefined> {
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
    faults.push(sourceFault(path, `This file cannot be read: ${mends(codeOf(cause))}.`))
    return undefined
  }
  try {
    const status = await file.stat()
    if (!status.isFile()) {
      faults.push(sourceFault(path, 'This is no ordinary file.'))
      return undefined
    }
    const bytes = Buffer.alloc(LARGEST_FILE + 1)
    let size = 0
    for (let more = 1; more > 0 && size <= LARGEST_FILE; size += more) {
      more = (await file.read(bytes, size, bytes.length - size)).bytesRead
    }
    if (size > LARGEST_FILE) {
      faults.push(sourceFault(path, 'This file is larger than 1 MiB: split it.'))
      return undefined
    }
    return decode(path, bytes.subarray(0, size), faults)
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
