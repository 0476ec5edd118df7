import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml'
import { tooDeep } from './depth.ts'
import type { Issue, Path, Place, PlacedIssue } from './issue.ts'

export type Raw = null | boolean | number | string | Raw[] | { [key: string]: Raw }
export type RawMap = { [key: string]: Raw }

/** A configuration file that has been read: plain values, and where each of them stands. */
export type Source = Readonly<{
  root: RawMap
  issues: readonly PlacedIssue[]
  /** Place of a name or of a value; of the nearest map around it when the file does not hold it. */
  place(path: Path, at: 'key' | 'value'): Place
  has(path: Path): boolean
}>

const FILE_MAX_BYTES = 1024 * 1024

/** What to say about the faults of YAML itself. The parser's own texts quote the source, which may hold a secret. */
const FAULTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    DUPLICATE_KEY: 'this name stands twice in the same map',
    TAB_AS_INDENT: 'a tab indents this line: YAML allows only spaces',
    MULTIPLE_DOCS: 'a second document begins here: one file holds one configuration',
    BAD_INDENT: 'the indentation does not fit the lines before',
    MISSING_CHAR: 'a colon, comma, quote or bracket is missing here',
    BLOCK_AS_IMPLICIT_KEY:
      'a map cannot begin in the middle of a line: indent it below, or put quotes around the value',
    MULTILINE_IMPLICIT_KEY: 'a name must stand on one line, followed by a colon',
    NON_STRING_KEY: 'a name must be a plain word',
    BAD_SCALAR_START: 'a value that starts with this character needs quotes',
    BAD_DQ_ESCAPE: 'this escape sequence is not known: use single quotes for text as it stands',
    KEY_OVER_1024_CHARS: 'this name is longer than 1,024 characters',
    BAD_ALIAS: 'an alias needs a name',
  }),
)

/** Reads a configuration file strictly: YAML 1.2 core, one document, no anchors, aliases, merge keys, tags or directives. */
export function readSource(bytes: Uint8Array): Source {
  const text = decode(bytes)
  if (typeof text !== 'string') return failed(text)
  const lines = new LineCounter()
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { from: 'file', line: Math.max(1, line), column: Math.max(1, col) }
  }
  const deep = tooDeep(text)
  if (deep !== null) return failed({ path: [], message: 'is nested too deeply', place: placeOf(text, deep) })
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
  })
  const issues: PlacedIssue[] = []
  for (const fault of document.errors) {
    const opened =
      fault.code === 'MISSING_CHAR' || fault.code === 'BAD_INDENT' ? openedAt(document, fault.pos[0]) : null
    const message =
      opened === null ? (FAULTS.get(fault.code) ?? 'is not valid YAML here') : 'what opens here is never closed'
    const place = at(opened ?? fault.pos[0])
    if (!issues.some((issue) => samePlace(place, issue.place))) issues.push({ path: [], message, place })
    // What is said about the text after an unclosed bracket only follows from it.
    if (opened !== null) break
  }
  issues.push(...forbidden(document, at))
  if (issues.length > 0) return { ...failed(), issues }
  if (document.contents === null) {
    return failed({ path: [], message: 'is empty: `customhouse init` writes a first one', place: at(0) })
  }
  if (!isMap(document.contents)) {
    return failed({ path: [], message: 'must be a map of sections (version, listen, providers ...)', place: at(0) })
  }
  return placed(document.contents, at)
}

function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n')
  return { from: 'file', line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

function samePlace(a: Place, b: Place): boolean {
  return a.from === 'file' && b.from === 'file' && a.line === b.line && a.column === b.column
}

/** Offset of the innermost quote, bracket or brace that was still open at `offset`, or null. The parser reports only where it gave up. */
function openedAt(document: Document.Parsed, offset: number): number | null {
  let opened: number | null = null
  visit(document, {
    Node: (_, node) => {
      const quoted = isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE')
      if (!quoted && !((isMap(node) || isSeq(node)) && node.flow === true)) return
      const [start, end] = [node.range?.[0] ?? offset, node.range?.[1] ?? 0]
      if (start < offset && end >= offset) opened = Math.max(opened ?? 0, start)
    },
  })
  return opened
}

function failed(...issues: readonly PlacedIssue[]): Source {
  return { root: {}, issues, place: () => ({ from: 'file', line: 1, column: 1 }), has: () => false }
}

function decode(bytes: Uint8Array): string | PlacedIssue {
  const fault = (line: number, message: string): PlacedIssue => ({
    path: [],
    message,
    place: { from: 'file', line, column: 1 },
  })
  if (bytes.length > FILE_MAX_BYTES) return fault(1, 'is larger than 1 MiB')
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return fault(1, 'is written in UTF-16: save it as UTF-8')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const whole = new TextDecoder('utf-8').decode(bytes)
    return fault(
      whole.slice(0, whole.indexOf('\ufffd')).split('\n').length,
      'this line is not UTF-8: save the file as UTF-8',
    )
  }
}

/** Anchors, aliases and merge keys would let a value stand far from where it acts: whoever reviews the file must see it in its place. */
function forbidden(document: Document.Parsed, at: (offset: number) => Place): PlacedIssue[] {
  const issues: PlacedIssue[] = []
  const add = (node: { range?: readonly number[] | null }, message: string) =>
    issues.push({ path: [], message, place: at(node.range?.[0] ?? 0) })
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    issues.push({
      path: [],
      message: 'a %YAML directive asks for another version: this file is YAML 1.2',
      place: at(0),
    })
  }
  let aliases = 0
  visit(document, {
    Alias: (_, node) => {
      if (aliases++ === 0) add(node, 'aliases (*name) are not read: write the values out where they are used')
    },
    Node: (_, node) => {
      if ('anchor' in node && node.anchor !== undefined)
        add(node, 'anchors (&name) are not read: write the value out where it is used')
      if ('tag' in node && node.tag !== undefined)
        add(node, 'tags (!name) are not read: a configuration has plain values only')
    },
    Pair: (_, pair) => {
      if (isScalar(pair.key) && pair.key.value === '<<') {
        add(pair.key, 'merge keys (<<) are not read: write the values out where they are used')
      }
    },
  })
  return issues
}

function placed(contents: Node, at: (offset: number) => Place): Source {
  const issues: PlacedIssue[] = []
  const find = (path: Path): Readonly<{ pair: Pair<unknown, unknown> | null; node: unknown }> | null => {
    let pair: Pair<unknown, unknown> | null = null
    let node: unknown = contents
    for (const step of path) {
      if (isMap(node)) {
        const next: Pair<unknown, unknown> | undefined = node.items.find((item) => keyOf(item) === step)
        if (next === undefined) return null
        ;[pair, node] = [next, next.value]
      } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
        ;[pair, node] = [null, node.items[step]]
      } else return null
    }
    return { pair, node }
  }
  const place = (path: Path, which: 'key' | 'value'): Place => {
    for (let length = path.length; length >= 0; length--) {
      const found = find(path.slice(0, length))
      if (found === null) continue
      const key = offsetOf(found.pair?.key)
      const value = offsetOf(found.node)
      const wanted = length < path.length || which === 'key' ? (key ?? value) : (value ?? key)
      if (wanted !== null) return at(wanted)
    }
    return { from: 'file', line: 1, column: 1 }
  }
  const value = (node: unknown, path: Path): Raw => {
    if (isMap(node)) {
      const map: RawMap = {}
      for (const item of node.items) {
        const key = keyOf(item)
        if (key === '__proto__')
          issues.push({ path, message: 'a name cannot be "__proto__"', place: place([...path, key], 'key') })
        else map[key] = value(item.value, [...path, key])
      }
      return map
    }
    if (isSeq(node)) return node.items.map((item, index) => value(item, [...path, index]))
    const scalar: unknown = isScalar(node) ? node.value : null
    return typeof scalar === 'string' || typeof scalar === 'number' || typeof scalar === 'boolean' ? scalar : null
  }
  const root = value(contents, []) as RawMap
  return { root, issues, place, has: (path) => find(path) !== null }
}

function keyOf(pair: Pair<unknown, unknown>): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
}

/** Offset of a node, or null for one that is not written in the file (the value of `name:`). */
function offsetOf(node: unknown): number | null {
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return null
  const range = node.range
  if (!range || (isScalar(node) && node.value === null && node.source === '')) return null
  return range[0]
}

export type { Issue }
