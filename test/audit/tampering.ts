import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DamageKind, EMPTY_ROOT, leafHash } from '../../src/audit/index.ts'
import { makeSigner } from '../../src/audit/note.ts'
import { editHeader, editLines, lineOf, recommit, rewriteLeaf } from './forge.ts'
import { callId, newestSegment, type Place } from './kit.ts'

export type Case = Readonly<{
  name: string
  kind: DamageKind
  seq?: number
  field?: string
  spoil: (place: Place) => void
}>

/** Changes the record of a number in a log of one segment; `recommitted` mends hashes and roots after it. */
const leafEdit =
  (seq: number, edit: (leaf: string) => string, recommitted = true) =>
  (place: Place): void =>
    editLines(place, (lines) => {
      const edited = lines.with(lineOf(lines, seq), rewriteLeaf(lines[lineOf(lines, seq)] ?? '', edit))
      return recommitted ? recommit(edited) : edited
    })

export const lineEdit =
  (seq: number, edit: (line: string) => string) =>
  (place: Place): void =>
    editLines(place, (lines) => lines.with(lineOf(lines, seq), edit(lines[lineOf(lines, seq)] ?? '')))

const splice =
  (seq: number, remove: number, insert: (lines: readonly string[], at: number) => readonly string[]) =>
  (place: Place): void =>
    editLines(place, (lines) => lines.toSpliced(lineOf(lines, seq), remove, ...insert(lines, lineOf(lines, seq))))

/** The first commit line after a record. */
const commitEdit =
  (seq: number, edit: (line: string) => string) =>
  (place: Place): void =>
    editLines(place, (lines) => {
      const at = lines.findIndex((line, i) => i > lineOf(lines, seq) && line.startsWith('{"c":'))
      return lines.with(at, edit(lines[at] ?? ''))
    })

/** What can be done to a log of one segment, and what the verifier has to call it. */
export const CASES: readonly Case[] = [
  {
    name: 'an edited leaf',
    kind: 'leaf-hash',
    seq: 5,
    spoil: lineEdit(5, (line) => line.replace('"tenant":"', '"tenant":"x')),
  },
  {
    name: 'an edited leaf hash',
    kind: 'leaf-hash',
    seq: 5,
    spoil: lineEdit(5, (line) => line.replace(/^\{"l":".{43}/, `{"l":"${leafHash('')}`)),
  },
  {
    name: 'an edited leaf, hashed again',
    kind: 'root',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"boot":"./, '"boot":"x'), false),
  },
  {
    name: 'the same, with all roots made anew',
    kind: 'checkpoint',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"boot":"./, '"boot":"x')),
  },
  { name: 'a deleted record', kind: 'seq', seq: 5, field: 'seq', spoil: splice(4, 1, () => []) },
  {
    name: 'a doubled record',
    kind: 'seq',
    seq: 5,
    field: 'seq',
    spoil: splice(5, 1, (lines, at) => [lines[at] ?? '', lines[at] ?? '']),
  },
  {
    name: 'an inserted record',
    kind: 'seq',
    spoil: splice(5, 0, (lines, at) => [rewriteLeaf(lines[at] ?? '', (leaf) => leaf.replace(callId(1), callId(9)))]),
  },
  {
    name: 'two records swapped',
    kind: 'seq',
    seq: 2,
    spoil: splice(1, 2, (lines, at) => [lines[at + 1] ?? '', lines[at] ?? '']),
  },
  {
    name: 'the last record of a commit deleted',
    kind: 'root',
    field: 'size',
    spoil: (place) =>
      editLines(place, (lines) => {
        const types = lines.map((line) => line.slice(2, 3)).join('')
        return lines.toSpliced(types.indexOf('llc') + 1, 1)
      }),
  },
  {
    name: 'an edited root',
    kind: 'root',
    field: 'root',
    spoil: commitEdit(5, (line) => line.replace(/"root":".{43}/, `"root":"${leafHash('')}`)),
  },
  {
    name: 'an edited size',
    kind: 'root',
    field: 'size',
    spoil: commitEdit(5, (line) => line.replace(/"size":\d+/, '"size":99')),
  },
  {
    name: 'a malformed commit line',
    kind: 'line',
    spoil: commitEdit(5, (line) => line.replace('"size":', '"size": ')),
  },
  {
    name: 'a commit line that begins elsewhere',
    kind: 'root',
    field: 'from',
    spoil: commitEdit(5, (line) => line.replace(/"from":\d+/, '"from":3')),
  },
  { name: 'a commit of nothing', kind: 'line', spoil: commitEdit(5, (line) => `${line}\n${line}`) },
  {
    name: 'a wrong number within the tenant',
    kind: 'tseq',
    seq: 5,
    field: 'tseq',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"tseq":\d+/, '"tseq":77')),
  },
  {
    name: 'a record moved to another tenant',
    kind: 'tseq',
    seq: 5,
    spoil: leafEdit(5, (leaf) => leaf.replace(/"tenant":"[a-z]+"/, '"tenant":"other"')),
  },
  {
    name: 'a wrong number',
    kind: 'seq',
    field: 'seq',
    spoil: leafEdit(5, (leaf) => leaf.replace('"seq":5,', '"seq":6,')),
  },
  {
    name: 'members in another order',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"epoch":1,("id":"[^"]+"),/, '$1,"epoch":1,')),
  },
  {
    name: 'white space in a leaf',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":', '"epoch": ')),
  },
  {
    name: 'a member twice',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":1,', '"epoch":1,"epoch":1,')),
  },
  {
    name: 'a needless escape',
    kind: 'canonical',
    spoil: leafEdit(5, (leaf) => leaf.replace('"kind":"c', '"kind":"\\u0063')),
  },
  {
    name: 'an unknown member',
    kind: 'field',
    field: 'extra',
    spoil: leafEdit(5, (leaf) => leaf.replace('"id":', '"extra":0,"id":')),
  },
  {
    name: 'a missing member',
    kind: 'field',
    field: 'mono',
    spoil: leafEdit(5, (leaf) => leaf.replace(/"mono":"\d+",/, '')),
  },
  {
    name: 'personal fields that bind no sealed part',
    kind: 'field',
    field: 'sealed',
    spoil: leafEdit(1, (leaf) => leaf.replace(/"sealed":"[^"]+",/, '')),
  },
  {
    name: 'a leaf that binds another sealed part',
    kind: 'disclosure',
    field: 'sealed',
    spoil: leafEdit(1, (leaf) => leaf.replace(/"sealed":"[^"]+"/, `"sealed":"${leafHash('')}"`)),
  },
  {
    name: 'an unknown kind',
    kind: 'field',
    field: 'kind',
    spoil: leafEdit(5, (leaf) => leaf.replace('"kind":"call.', '"kind":"cull.')),
  },
  { name: 'another version', kind: 'line', spoil: leafEdit(5, (leaf) => leaf.replace('"v":1}', '"v":2}')) },
  {
    name: 'the name of another log',
    kind: 'log',
    field: 'log',
    spoil: leafEdit(5, (leaf) => leaf.replace('bank.example/n1', 'bank.example/n2')),
  },
  {
    name: 'an epoch out of turn',
    kind: 'epoch',
    field: 'epoch',
    spoil: leafEdit(5, (leaf) => leaf.replace('"epoch":1,', '"epoch":3,')),
  },
  {
    name: 'an intent closed by another call',
    kind: 'intent',
    field: 'of',
    spoil: leafEdit(3, (leaf) => leaf.replace(callId(0), callId(5))),
  },
  {
    name: 'an intent closed twice',
    kind: 'intent',
    field: 'of',
    spoil: leafEdit(6, (leaf) => leaf.replace(/"of":\d+/, '"of":1')),
  },
  { name: 'a line that is none of the format', kind: 'line', spoil: splice(5, 0, () => ['{"x":1}']) },
  { name: 'an empty line', kind: 'line', spoil: splice(5, 0, () => ['']) },
  { name: 'a second header', kind: 'header', spoil: splice(5, 0, (lines) => [lines[0] ?? '']) },
  {
    name: 'a header of another log',
    kind: 'header',
    field: 'log',
    spoil: (place) => editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { log: 'other/n2' }))),
  },
  {
    name: 'a header with another root',
    kind: 'header',
    field: 'root',
    spoil: (place) => editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { root: leafHash('') }))),
  },
  {
    name: 'a header of an epoch out of turn',
    kind: 'epoch',
    field: 'epoch',
    spoil: (place) =>
      editLines(place, (lines) => lines.with(0, editHeader(lines[0] ?? '', { epoch: 5, root: EMPTY_ROOT }))),
  },
  { name: 'no header', kind: 'header', spoil: (place) => editLines(place, (lines) => lines.slice(1)) },
  { name: 'an empty segment', kind: 'header', spoil: (place) => truncateSync(newestSegment(place)) },
  {
    name: 'bytes that are not UTF-8',
    kind: 'line',
    spoil: (place) => {
      const bytes = readFileSync(newestSegment(place))
      bytes[bytes.lastIndexOf('bank.example')] = 0xff
      writeFileSync(newestSegment(place), bytes)
    },
  },
  {
    name: 'the newest commit cut off',
    kind: 'rolled-back',
    spoil: (place) => editLines(place, (lines) => lines.slice(0, -2)),
  },
  {
    name: 'the end of the newest commit cut off',
    kind: 'rolled-back',
    spoil: (place) => truncateSync(newestSegment(place), readFileSync(newestSegment(place)).length - 30),
  },
  { name: 'no segment at all', kind: 'rolled-back', spoil: (place) => rmSync(newestSegment(place)) },
  {
    name: 'an edited checkpoint',
    kind: 'signature',
    spoil: (place) => editCheckpoint(place, (note) => note.replace(/\n\d+\n/, '\n1\n')),
  },
  {
    name: 'a checkpoint of another key',
    kind: 'signature',
    spoil: (place) => {
      const signer = makeSigner('bank.example/n1', strangersKey())
      editCheckpoint(place, (note) => signer.sign(note.slice(0, note.indexOf('\n\n') + 1)))
    },
  },
]

function editCheckpoint(place: Place, edit: (note: string) => string): void {
  const path = join(place.directory, 'checkpoint')
  writeFileSync(path, edit(readFileSync(path, 'utf8')))
}

function strangersKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
