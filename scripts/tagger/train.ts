// node scripts/tagger/train.ts [--epochs N] [--out FOLDER]: trains the tagger and writes weights.bin and digest.ts, by default where the plugin reads them.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { columnsOf, FEATURES, featuresOf, manner, survey } from '../../plugins/redaction/tagger/features.ts'
import { gazetteerOf } from '../../plugins/redaction/tagger/gazetteer.ts'
import { LABELS, marginals, STRIDE, TYPES } from '../../plugins/redaction/tagger/lattice.ts'
import { type Model, writeModel } from '../../plugins/redaction/tagger/model.ts'
import { chainEnd, WINDOW } from '../../plugins/redaction/tagger/tag.ts'
import { chanceOf } from './chance.ts'
import { type Document, generated, labelled, noisy } from './corpus.ts'
import { evaluate } from './evaluate.ts'
import { HELD } from './held.ts'
import { keyed } from './keyed.ts'
import { negatives } from './prose.ts'
import { known, narrowed } from './words.ts'

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const outAt = process.argv.indexOf('--out')
const OUT = outAt < 0 ? null : (process.argv[outAt + 1] ?? null)
const LOG = option('log', 19)
const SEED = 20_261_124
const FOLDER = process.env.CUSTOMHOUSE_PII ?? join(import.meta.dirname, '../../../shared/pii')
const TAGGER = OUT ?? join(import.meta.dirname, '../../plugins/redaction/tagger')
const chance = chanceOf(SEED)
const began = performance.now()
const say = (text: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s: ${text}`)

const wnut = labelled(FOLDER, 'wnut17_train_en.jsonl')
const clinical = labelled(FOLDER, 'meddocan_train_es.jsonl')
const words = known()
const prose = negatives(words)
const train: Document[] = [
  ...generated(SEED, option('documents', 160_000), false),
  ...wnut,
  ...wnut.map((document) => noisy(chance, document)),
  ...wnut,
  ...clinical.slice(0, 450),
  ...clinical.slice(0, 450),
  ...clinical.slice(0, 450),
  ...clinical.slice(0, 100).map((document) => noisy(chance, document)),
  ...keyed(SEED + 2, 9_000),
  ...prose,
]
const tests = { generated: generated(SEED + 1, 4_000, true), clinical: clinical.slice(450), written: HELD }

const gazetteer = gazetteerOf(words, 18)
say(`${train.length} documents, ${prose.length} lines of prose, ${words.size} words in the gazetteer`)

// Features of all chains, once. Of each document a fifth of the lists' words are unknown, another fifth each time.
let features = new Int32Array(1 << 24)
let gold = new Uint8Array(1 << 20)
const chains: number[] = [0]
let size = 0
let columns = columnsOf(1024)
const lists = Array.from({ length: 5 }, (_, part) => gazetteerOf(narrowed(words, part), 18))
for (const [d, { text, spans, key }] of train.entries()) {
  const tokens = tokensOf(text)
  if (tokens.count === 0) continue
  if (columns.room < tokens.count) columns = columnsOf(tokens.count * 2)
  survey(
    { text, tokens, hints: { key: key ?? null, role: 'user', channel: 'text' } },
    lists[d % 5] ?? gazetteer,
    columns,
  )
  const labels = new Uint8Array(tokens.count)
  for (const { start, end, type } of spans) {
    let label = 1 + 2 * TYPES.indexOf(type)
    for (let i = 0; i < tokens.count; i++) {
      if ((tokens.start[i] ?? 0) < start || (tokens.end[i] ?? 0) > end) continue
      labels[i] = label
      if (label % 2 === 1) label += 1
    }
  }
  for (let from = 0; from < tokens.count; ) {
    const to = chainEnd(tokens.kind, from, tokens.count)
    const mode = manner(columns, from, to)
    for (let i = from; i < to; i++) {
      if ((size + 1) * FEATURES > features.length) features = grown(features, new Int32Array(features.length * 2))
      if (size >= gold.length) gold = grown(gold, new Uint8Array(gold.length * 2))
      featuresOf(tokens, columns, i, mode, LOG, features, size * FEATURES)
      let label = labels[i] ?? 0
      if (i === from && label > 0 && label % 2 === 0) label -= 1
      gold[size++] = label
    }
    chains.push(size)
    from = to
  }
}
say(`${size} tokens in ${chains.length - 1} chains`)

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}

// A linear-chain CRF: log-likelihood by AdaGrad, one chain a step.
const L = LABELS
const weights = new Float32Array(2 ** LOG * STRIDE)
const squares = new Float32Array(2 ** LOG * STRIDE).fill(0.01)
const moves = new Float64Array(L * L)
const moveSquares = new Float64Array(L * L).fill(0.1)
const begins = new Float64Array(L)
const beginSquares = new Float64Array(L).fill(0.1)
const forbidden = (from: number, to: number): boolean => to > 0 && to % 2 === 0 && from !== to && from !== to - 1
for (let a = 0; a < L; a++) for (let b = 0; b < L; b++) if (forbidden(a, b)) moves[a * L + b] = -Infinity
for (let b = 2; b < L; b += 2) begins[b] = -Infinity
const RATE = 0.12
const scores = new Float64Array(WINDOW * L)
const forward = new Float64Array(WINDOW * L)
const posterior = new Float64Array(WINDOW * L)
const expMoves = new Float64Array(L * L)
const expBegins = new Float64Array(L)
const sums = new Float64Array(L)

function learn(from: number, to: number): void {
  const count = to - from
  for (let i = 0; i < L * L; i++) expMoves[i] = Math.exp(moves[i] ?? 0)
  for (let i = 0; i < L; i++) expBegins[i] = Math.exp(begins[i] ?? 0)
  for (let t = 0; t < count; t++) {
    sums.fill(0)
    for (let f = (from + t) * FEATURES; f < (from + t + 1) * FEATURES; f++) {
      const w = (features[f] ?? 0) * STRIDE
      for (let y = 0; y < L; y++) sums[y] = (sums[y] ?? 0) + (weights[w + y] ?? 0)
    }
    const most = Math.max(...sums)
    for (let y = 0; y < L; y++) scores[t * L + y] = Math.exp(Math.max(-30, (sums[y] ?? 0) - most))
  }
  marginals(scores, expMoves, expBegins, count, forward, posterior)
  for (let t = 0; t < count; t++) {
    const right = gold[from + t] ?? 0
    if ((posterior[t * L + right] ?? 0) > 0.995) continue
    for (let f = (from + t) * FEATURES; f < (from + t + 1) * FEATURES; f++) {
      const w = (features[f] ?? 0) * STRIDE
      for (let y = 0; y < L; y++) {
        const g = (y === right ? 1 : 0) - (posterior[t * L + y] ?? 0)
        if (g < 0.002 && g > -0.002) continue
        const s = (squares[w + y] ?? 0) + g * g
        squares[w + y] = s
        weights[w + y] = (weights[w + y] ?? 0) + (RATE * g) / Math.sqrt(s)
      }
    }
    if (t === 0) {
      for (let y = 0; y < L; y++) step(begins, beginSquares, y, (y === right ? 1 : 0) - (posterior[y] ?? 0))
      continue
    }
    // Pairs, by what the forward pass and the marginals say of them.
    const before = gold[from + t - 1] ?? 0
    let all = 0
    for (let a = 0; a < L; a++) {
      for (let b = 0; b < L; b++) {
        const into = posterior[t * L + b] ?? 0
        let reach = 0
        for (let c = 0; c < L; c++) reach += (forward[(t - 1) * L + c] ?? 0) * (expMoves[c * L + b] ?? 0)
        const pair = reach > 0 ? ((forward[(t - 1) * L + a] ?? 0) * (expMoves[a * L + b] ?? 0) * into) / reach : 0
        all += pair
        step(moves, moveSquares, a * L + b, (a === before && b === right ? 1 : 0) - pair)
      }
    }
    if (!Number.isFinite(all)) throw new Error('the training diverged')
  }
}

function step(values: Float64Array, squared: Float64Array, i: number, g: number): void {
  if (values[i] === -Infinity) return
  const s = (squared[i] ?? 0) + g * g
  squared[i] = s
  values[i] = (values[i] ?? 0) + (0.05 * g) / Math.sqrt(s)
}

/** Weights that never came to much are noise of rare features: they go, and the file with them. */
function shrink(by: number): void {
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i] ?? 0
    weights[i] = w > by ? w - by : w < -by ? w + by : 0
  }
}

function quantised(): Model {
  // The few largest weights are cut off at what leaves steps of a fortieth.
  const scale = 1 / 40
  const cut = new Int8Array(weights.length)
  for (let i = 0; i < weights.length; i++) cut[i] = Math.max(-127, Math.min(127, Math.round((weights[i] ?? 0) / scale)))
  return { log: LOG, scale, weights: cut, moves, begins, gazetteer }
}

const order = Array.from({ length: chains.length - 1 }, (_, i) => i)
// A limit of time, for a try: what it leaves depends on the machine.
const limit = option('seconds', Infinity) * 1000
for (let epoch = 1; epoch <= option('epochs', 5) && performance.now() - began < limit; epoch++) {
  for (let i = order.length - 1; i > 0; i--) {
    const j = chance.below(i + 1)
    ;[order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0]
  }
  for (const chain of order) learn(chains[chain] ?? 0, chains[chain + 1] ?? 0)
  shrink(option('shrink', 0.03))
  say(`epoch ${epoch}`)
}
const model = quantised()
const bytes = writeModel(model)
for (const [name, documents] of Object.entries(tests)) say(`${name}: ${evaluate(model, documents)}`)
const digest = createHash('sha256').update(bytes).digest('hex')
writeFileSync(join(TAGGER, 'weights.bin'), bytes)
writeFileSync(
  join(TAGGER, 'digest.ts'),
  `/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */\nexport const WEIGHTS_SHA256 = '${digest}'\n`,
)
say(`${bytes.length} bytes, ${digest}`)
