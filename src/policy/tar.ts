import { CustomhouseError } from '../core/errors.ts'

const BLOCK = 512

export type TarLimits = Readonly<{ files: number; fileBytes: number }>

function broken(what: string): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_BUNDLE', `The bundle's archive is not readable: ${what}.`)
}

/**
 * The regular files of a tar archive (POSIX.1-2001 ustar, with pax `path` records, which Go writes for long names). Names are given with a
 * leading `/` or `./` removed; both styles occur in bundles. Refused: links and devices, names that climb or repeat, wrong checksums,
 * truncation, more or larger files than the limits allow. Contents are views into the archive. Errors: ERR_POLICY_BUNDLE.
 */
export function readTar(archive: Uint8Array, limits: TarLimits): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  let longName: string | undefined
  let at = 0
  for (let entries = 0; ; entries += 1) {
    const header = archive.subarray(at, at + BLOCK)
    if (header.length < BLOCK) throw broken('it ends before its end mark')
    if (header.every((byte) => byte === 0)) return files
    if (entries > 2 * limits.files) throw broken(`more than ${limits.files} files`)
    checkSum(header)
    const size = octal(header, 124, 12)
    const start = at + BLOCK
    if (size > limits.fileBytes) throw broken(`a file of ${size} bytes, more than ${limits.fileBytes}`)
    if (start + size > archive.length) throw broken('it ends in the midst of a file')
    const content = archive.subarray(start, start + size)
    at = start + Math.ceil(size / BLOCK) * BLOCK
    const type = String.fromCharCode(header[156] ?? 0)
    if (type === 'x') {
      longName = paxPath(content) ?? longName
      continue
    }
    if (type === 'g' || type === '5') continue
    if (type !== '0' && type !== '\0') throw broken(`an entry of type ${JSON.stringify(type)}, which is no file`)
    const name = cleanName(longName ?? headerName(header))
    longName = undefined
    if (files.has(name)) throw broken(`the file ${name} twice`)
    if (files.size >= limits.files) throw broken(`more than ${limits.files} files`)
    files.set(name, content)
  }
}

function field(header: Uint8Array, offset: number, length: number): string {
  const bytes = header.subarray(offset, offset + length)
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
}

function octal(header: Uint8Array, offset: number, length: number): number {
  const digits = field(header, offset, length).trim()
  if (!/^[0-7]{1,11}$/.test(digits)) throw broken('a header without a number where one belongs')
  return Number.parseInt(digits, 8)
}

function checkSum(header: Uint8Array): void {
  let sum = 0
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte
  if (sum !== octal(header, 148, 8)) throw broken('a header whose checksum is wrong')
}

function headerName(header: Uint8Array): string {
  const prefix = field(header, 257, 6).startsWith('ustar') ? field(header, 345, 155) : ''
  const name = field(header, 0, 100)
  return prefix === '' ? name : `${prefix}/${name}`
}

/** The `path` record of a pax header: `<length> path=<name>\n`. */
function paxPath(content: Uint8Array): string | undefined {
  let path: string | undefined
  let rest = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  while (rest.length > 0) {
    const space = rest.indexOf(0x20)
    const length = Number(rest.toString('latin1', 0, Math.max(space, 0)))
    if (space < 1 || !Number.isInteger(length) || length <= space + 1 || length > rest.length)
      throw broken('a pax header that is none')
    const record = rest.toString('utf8', space + 1, length - 1)
    if (record.startsWith('path=')) path = record.slice(5)
    rest = rest.subarray(length)
  }
  return path
}

function cleanName(name: string): string {
  const clean = name.replace(/^(?:\.?\/)+/, '')
  const parts = clean.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..') || /[\\\0]/.test(clean)) {
    throw broken(`the name ${JSON.stringify(name)}`)
  }
  return clean
}
