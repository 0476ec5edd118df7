import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import type { Gazetteer } from './gazetteer.ts'
import { LABELS, STRIDE } from './lattice.ts'

/**
 * What training leaves. `weights`: STRIDE a bucket, LABELS of them used, in units of `scale`. `moves`, `begins`: scores of transitions and of a first
 * label, natural logarithm; -Infinity is forbidden.
 */
export type Model = Readonly<{
  log: number
  scale: number
  weights: Int8Array
  moves: Float64Array
  begins: Float64Array
  gazetteer: Gazetteer
}>

const MAGIC = 0x31544843
const HEAD = 16 + 8 * (LABELS * LABELS + LABELS)

/**
 * The bytes of a weights file: a brotli stream of magic, logarithms of the number of buckets and of gazetteer slots, scale, scores, then the weights label
 * by label (which compresses to two thirds of bucket by bucket), and the gazetteer's columns; numbers little-endian.
 */
export function writeModel(model: Model): Uint8Array {
  const buckets = 2 ** model.log
  const slots = model.gazetteer.mark.length
  const bytes = new Uint8Array(HEAD + buckets * LABELS + slots * 3)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, model.log, true)
  view.setUint32(8, Math.log2(slots), true)
  view.setFloat32(12, model.scale, true)
  const scores = [...model.moves, ...model.begins]
  for (const [i, score] of scores.entries()) view.setFloat64(16 + i * 8, score, true)
  for (let y = 0; y < LABELS; y++) {
    for (let b = 0; b < buckets; b++) view.setInt8(HEAD + y * buckets + b, model.weights[b * STRIDE + y] ?? 0)
  }
  const at = HEAD + buckets * LABELS
  for (let i = 0; i < slots; i++) {
    view.setUint16(at + i * 2, model.gazetteer.mark[i] ?? 0, true)
    view.setUint8(at + slots * 2 + i, model.gazetteer.bits[i] ?? 0)
  }
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  })
}

/** Reads what {@link writeModel} wrote. Throws RangeError for anything else. */
export function readModel(packed: Uint8Array): Model {
  const bytes = brotliDecompressSync(packed)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEAD || view.getUint32(0, true) !== MAGIC)
    throw new RangeError('not a weights file of this version')
  const log = view.getUint32(4, true)
  const slots = 2 ** view.getUint32(8, true)
  const buckets = 2 ** log
  if (bytes.length !== HEAD + buckets * LABELS + slots * 3) throw new RangeError('a weights file of another length')
  const scores = Float64Array.from({ length: LABELS * LABELS + LABELS }, (_, i) => view.getFloat64(16 + i * 8, true))
  const weights = new Int8Array(buckets * STRIDE)
  for (let y = 0; y < LABELS; y++) {
    for (let b = 0; b < buckets; b++) weights[b * STRIDE + y] = view.getInt8(HEAD + y * buckets + b)
  }
  const mark = new Uint16Array(slots)
  const bits = new Uint8Array(slots)
  const at = HEAD + buckets * LABELS
  for (let i = 0; i < slots; i++) {
    mark[i] = view.getUint16(at + i * 2, true)
    bits[i] = view.getUint8(at + slots * 2 + i)
  }
  return {
    log,
    scale: view.getFloat32(12, true),
    weights,
    moves: scores.slice(0, LABELS * LABELS),
    begins: scores.slice(LABELS * LABELS),
    gazetteer: { mark, bits },
  }
}
