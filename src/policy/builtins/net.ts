import { isIP } from 'node:net'
import { tooMuch } from './limit.ts'
import { type Builtin, BuiltinError, LARGEST, operand, text } from './operand.ts'
import type { Value } from './value.ts'

type Network = Readonly<{ bits: 32 | 128; first: bigint; size: bigint }>

function v4(address: string): bigint {
  return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

function v6(address: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  const [, head = '', tail = ''] = dotted ?? []
  const low = v4(tail === '' ? '0' : tail)
  const plain = dotted === null ? address : `${head}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
  const [left = '', right] = plain.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = groups(left)
  const after = right === undefined ? [] : groups(right)
  const middle = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...middle, ...after].reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n)
}

/** A network as Go's net.ParseCIDR reads it: no zone, no leading zeros in the address. */
function parseCidr(cidr: string): Network | null {
  const [address = '', prefix = '', more] = cidr.split('/')
  const version = address.includes('%') ? 0 : isIP(address)
  if (version === 0 || more !== undefined || !/^\d{1,7}$/.test(prefix)) return null
  const bits = version === 4 ? 32 : 128
  const length = Number(prefix)
  if (length > bits) return null
  const size = 1n << BigInt(bits - length)
  const value = version === 4 ? v4(address) : v6(address)
  return { bits, first: value - (value % size), size }
}

/** The canonical text of RFC 5952; a mapped IPv4 address is written as the IPv4 address, as Go writes it. */
function format(value: bigint, bits: 32 | 128): string {
  if (bits === 32 || value >> 32n === 0xffffn)
    return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  const text = groups.join(':')
  const zeros = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run.replace(/^:/, ''))
  const longest = zeros.reduce((best, run) => (run.length > best.length ? run : best), '')
  if (longest === '') return text
  const at = `:${text}:`.indexOf(`:${longest}:`)
  const left = text.slice(0, Math.max(0, at - 1))
  const right = text.slice(at + longest.length + 1)
  return `${left}::${right}`
}

export const NET: Readonly<Record<string, Builtin>> = {
  'net.cidr_is_valid': (args) => {
    const value = operand(args, 0)
    return typeof value === 'string' && parseCidr(value) !== null
  },
  'net.cidr_expand': (args) => {
    const network = parseCidr(text(args, 0))
    if (network === null) throw new BuiltinError('no network')
    if (network.size > BigInt(LARGEST.list)) throw tooMuch('net.cidr_expand')
    const set: Value[] = []
    for (let index = 0n; index < network.size; index += 1n) set.push(format(network.first + index, network.bits))
    return { set }
  },
}
