import { createHash } from 'node:crypto'
import { numberFromBigInt } from './number.ts'
import { type Builtin, BuiltinError, operand, text } from './operand.ts'
import { display, type Value } from './value.ts'

function hyphenate(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The bytes of a UUID in any of the forms that google/uuid reads: plain, with hyphens, in braces, as a URN. */
function bytesOf(text: string): Buffer {
  const bare =
    /^urn:uuid:/i.test(text) && text.length === 45 ? text.slice(9) : text.length === 38 ? text.slice(1, -1) : text
  const plain = /^[0-9a-f]{32}$/i.test(bare)
  if (!plain && !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare))
    throw new BuiltinError('the operand is no UUID')
  return Buffer.from(bare.replaceAll('-', ''), 'hex')
}

function variantOf(byte: number): string {
  if ((byte & 0xc0) === 0x80) return 'RFC4122'
  if ((byte & 0xe0) === 0xc0) return 'Microsoft'
  return (byte & 0xe0) === 0xe0 ? 'Future' : 'Reserved'
}

function macVariables(byte: number): string {
  return `${(byte & 2) === 2 ? 'local' : 'global'}:${(byte & 1) === 1 ? 'multicast' : 'unicast'}`
}

const DOMAINS = ['Person', 'Group', 'Org']
/** From 15 October 1582 to 1 January 1970, in units of 100 ns (RFC 9562 5.1). */
const GREGORIAN = 0x01b2_1dd2_1381_4000n

function parse(bytes: Buffer): Value {
  const version = bytes.readUInt8(6) >> 4
  const entries: [string, Value][] = [
    ['version', version],
    ['variant', variantOf(bytes.readUInt8(8))],
  ]
  if (version === 1 || version === 2) {
    const low = BigInt(bytes.readUInt32BE(0))
    const middle = BigInt(bytes.readUInt16BE(4))
    const high = BigInt(bytes.readUInt16BE(6) & 0xfff)
    const time = (high << 48n) | (middle << 32n) | low
    const node = [...bytes.subarray(10)].map((byte) => byte.toString(16).padStart(2, '0')).join('-')
    entries.push(
      ['time', numberFromBigInt(BigInt.asIntN(64, (time - GREGORIAN) * 100n))],
      ['nodeid', node],
      ['macvariables', macVariables(bytes.readUInt8(10))],
      ['clocksequence', bytes.readUInt16BE(8) & 0x3fff],
    )
  }
  if (version === 2) {
    const domain = bytes.readUInt8(9)
    entries.push(['id', bytes.readUInt32BE(0)], ['domain', DOMAINS[domain] ?? `Domain${domain}`])
  }
  return { entries }
}

export const UUID: Readonly<Record<string, Builtin>> = {
  /** Version 4 in form; in substance a hash of the decision and the operand, so that a replayed decision gets the same. */
  'uuid.rfc4122': (args, { seed }) => {
    const bytes = createHash('sha256')
      .update(`${seed}\n${display(operand(args, 0))}`)
      .digest()
      .subarray(0, 16)
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    return hyphenate(bytes.toString('hex'))
  },
  'uuid.parse': (args) => parse(bytesOf(text(args, 0))),
}
