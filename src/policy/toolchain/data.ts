import { LineCounter, parseDocument, visit } from 'yaml'
import type { Json } from '../../core/json.ts'
import { type Diagnostic, sourceFault } from '../diagnostics.ts'
import { findJsonFault } from './json.ts'

/** A JSON or YAML file as one plain document, or undefined with faults added. Duplicate keys are refused in both. */
export function parseDataFile(path: string, text: string, faults: Diagnostic[]): Json | undefined {
  return path.endsWith('.json') ? parseJson(path, text, faults) : parseYaml(path, text, faults)
}

function parseJson(path: string, text: string, faults: Diagnostic[]): Json | undefined {
  const fault = findJsonFault(text)
  if (fault === undefined) return JSON.parse(text) as Json
  const lines = text.slice(0, fault.offset).split('\n')
  faults.push(sourceFault(path, fault.message, lines.length, [...(lines.at(-1) ?? '')].length + 1, fault.length))
  return undefined
}

function parseYaml(path: string, text: string, faults: Diagnostic[]): Json | undefined {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    // As OPA's own YAML reader does; the core schema of YAML 1.2 otherwise, where `no` is a string.
    merge: true,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    version: '1.2',
  })
  const wrong: { message: string; from: number; to: number }[] = [...document.errors, ...document.warnings].map(
    ({ code, message, pos: [from, to] }) => ({
      message: code === 'DUPLICATE_KEY' ? 'This key stands twice in one object: remove one.' : `${message}.`,
      from,
      to: code === 'DUPLICATE_KEY' ? from + (/^[^:\n]+/.exec(text.slice(from))?.[0].length ?? 1) : to,
    }),
  )
  visit(document, {
    Scalar(_key, { value, range }) {
      const [from = 0, to = 0] = range ?? []
      const message = unfit(value)
      if (message !== undefined) wrong.push({ message, from, to })
    },
  })
  if (document.contents === null && wrong.length === 0) {
    wrong.push({ message: 'This file holds nothing: write `{}` if that is meant.', from: 0, to: 0 })
  }
  for (const { message, from, to } of wrong) {
    const { line, col } = lines.linePos(from)
    const width = text.slice(from, to).split('\n', 1)[0]?.length ?? 1
    faults.push(sourceFault(path, message, line, col, width))
  }
  return wrong.length > 0 ? undefined : (document.toJS({ maxAliasCount: 100 }) as Json)
}

/** Why a value of YAML cannot stand in JSON, or could not be kept as it is written. */
function unfit(value: unknown): string | undefined {
  if (value === '__proto__') return 'The key `__proto__` is not allowed.'
  if (typeof value === 'number' && !Number.isFinite(value)) return 'This number has no place in JSON.'
  if (
    typeof value === 'bigint' ||
    (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
  ) {
    return 'This number is too large to be kept exactly: quote it.'
  }
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return undefined
  return 'This value has no place in JSON.'
}

type Branch = { readonly [key: string]: Json }
type Growing = { [key: string]: Json }

/** The one data document of a folder, put together from its files. Two files may share an object, never a value. */
export class DataTree {
  readonly document: Growing = {}
  readonly #faults: Diagnostic[]
  /** JSON text of a path in data -> the file that put a value there. */
  readonly #owners = new Map<string, string>()

  constructor(faults: Diagnostic[]) {
    this.#faults = faults
  }

  merge(file: string, document: Json): void {
    if (!isBranch(document)) {
      this.#faults.push(sourceFault(file, 'A data file must hold one object, so that its parts have names.'))
      return
    }
    const folders = file.split('/').slice(0, -1)
    if (folders.includes('__proto__')) {
      this.#faults.push(sourceFault(file, 'A folder named `__proto__` is not allowed.'))
      return
    }
    const wrapped = folders.reduceRight<Json>((inner, folder) => ({ [folder]: inner }), document)
    this.#into(this.document, wrapped as Branch, [], file)
  }

  #into(target: Growing, source: Branch, path: readonly string[], file: string): void {
    for (const [key, value] of Object.entries(source)) {
      const here = [...path, key]
      const present = Object.hasOwn(target, key) ? target[key] : undefined
      if (present === undefined) {
        target[key] = isBranch(value) ? {} : value
        this.#owners.set(JSON.stringify(here), file)
        if (isBranch(value)) this.#into(target[key] as Growing, value, here, file)
      } else if (isBranch(present) && isBranch(value)) {
        this.#into(present as Growing, value, here, file)
      } else {
        const owner = this.#owners.get(JSON.stringify(here)) ?? file
        const name = ['data', ...here].join('.')
        this.#faults.push(sourceFault(file, `Both ${owner} and ${file} give a value to \`${name}\`: remove one.`))
      }
    }
  }
}

function isBranch(value: Json | undefined): value is Branch {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
