import { createHash } from 'node:crypto'
import { cueOf, nearestBefore } from '../context.ts'
import type { Detector } from '../detector.ts'
import { ALNUM, HEX, isOf } from '../network/units.ts'
import { DIGIT, LOWER, MARK, UPPER } from '../tokens.ts'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const VALUE58 = new Int8Array(128).fill(-1)
for (let i = 0; i < 58; i++) VALUE58[BASE58.charCodeAt(i)] = i
/** Version octets of addresses: Bitcoin, Litecoin, Dogecoin, Dash, Tron, test nets. */
const VERSIONS = new Set([0x00, 0x05, 0x30, 0x32, 0x1e, 0x16, 0x4c, 0x41, 0x6f, 0xc4])
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const HUMAN = ['bc1', 'tb1', 'ltc1', 'bcrt1', 'addr1', 'cosmos1']
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const WALLET = cueOf(
  ...'wallet address solana sol xrp ripple monero xmr crypto deposit btc bitcoin eth ethereum usdt'.split(' '),
)

/** Wallet addresses: base58check, bech32 and bech32m (BIP 173, 350) by their checksums, Ethereum by its form. */
export const wallet: Detector = {
  name: 'wallet',
  finds: ['CRYPTO'],
  scan(reading, found) {
    const { text, tokens } = reading
    const { count, start, end, kind } = tokens
    for (let at = 0; at < count; at++) {
      const is = kind[at] ?? 0
      const from = start[at] ?? 0
      const to = end[at] ?? 0
      const length = to - from
      if (length < 26 || length > 108 || (is & MARK) !== 0 || (is & DIGIT) === 0 || (is & (LOWER | UPPER)) === 0)
        continue
      const before = text.charCodeAt(from - 1)
      if (before === 0x5f || before === 0x2d || text.charCodeAt(to) === 0x5f || text.charCodeAt(to) === 0x2d) continue
      if (
        length === 42 &&
        text.charCodeAt(from) === 48 &&
        (text.charCodeAt(from + 1) | 32) === 0x78 &&
        all(text, from + 2, to, HEX)
      ) {
        found.push({ start: from, end: to, type: 'CRYPTO', score: 0.95, rule: 'crypto/ethereum' })
      } else if (length <= 35 && (is & LOWER) !== 0 && (is & UPPER) !== 0 && base58check(text.slice(from, to))) {
        found.push({ start: from, end: to, type: 'CRYPTO', score: 1, rule: 'crypto/base58check' })
      } else if (length >= 38 && ((is & LOWER) === 0 || (is & UPPER) === 0) && bech32(text.slice(from, to))) {
        found.push({ start: from, end: to, type: 'CRYPTO', score: 1, rule: 'crypto/bech32' })
      } else if (
        length <= 95 &&
        (is & LOWER) !== 0 &&
        (is & UPPER) !== 0 &&
        all58(text, from, to) &&
        nearestBefore(reading, at, WALLET, 6) !== 0
      ) {
        found.push({ start: from, end: to, type: 'CRYPTO', score: 0.7, rule: 'crypto/cue' })
      }
    }
  },
}

function all(text: string, from: number, to: number, classes: number): boolean {
  for (let i = from; i < to; i++) if (!isOf(text, i, classes)) return false
  return true
}

function all58(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isOf(text, i, ALNUM) || (VALUE58[text.charCodeAt(i)] ?? -1) < 0) return false
  return true
}

/** 25 octets: version, 20 of hash, 4 of a doubled SHA-256. */
function base58check(word: string): boolean {
  const bytes = new Uint8Array(25)
  for (let i = 0; i < word.length; i++) {
    let carry = VALUE58[word.charCodeAt(i) & 127] ?? -1
    if (carry < 0 || word.charCodeAt(i) > 127) return false
    for (let k = 24; k >= 0; k--) {
      carry += (bytes[k] ?? 0) * 58
      bytes[k] = carry & 255
      carry >>= 8
    }
    if (carry !== 0) return false
  }
  if (!VERSIONS.has(bytes[0] ?? 255)) return false
  const once = createHash('sha256').update(bytes.subarray(0, 21)).digest()
  const twice = createHash('sha256').update(once).digest()
  for (let i = 0; i < 4; i++) if (twice[i] !== bytes[21 + i]) return false
  return true
}

function bech32(word: string): boolean {
  const lower = word.toLowerCase()
  const human = HUMAN.find((each) => lower.startsWith(each))
  if (human === undefined) return false
  const name = human.slice(0, -1)
  const values: number[] = []
  for (let i = 0; i < name.length; i++) values.push(name.charCodeAt(i) >> 5)
  values.push(0)
  for (let i = 0; i < name.length; i++) values.push(name.charCodeAt(i) & 31)
  for (let i = human.length; i < lower.length; i++) {
    const value = BECH32.indexOf(lower.charAt(i))
    if (value < 0) return false
    values.push(value)
  }
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (let i = 0; i < 5; i++) if (((top >>> i) & 1) === 1) sum ^= GENERATOR[i] ?? 0
  }
  return sum === 1 || sum === 0x2bc830a3
}
