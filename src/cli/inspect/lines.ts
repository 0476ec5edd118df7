import { createReadStream } from 'node:fs'
import { CustomhouseError } from '../../core/errors.ts'

/** Longest line that is read, UTF-16 units. */
const LONGEST = 64 * 1024 * 1024

/** Bytes of a file, or of standard input where it is `-` or none. */
export function opened(file: string | undefined): AsyncIterable<Uint8Array> {
  return file === undefined || file === '-' ? process.stdin : createReadStream(file)
}

/**
 * Lines of UTF-8, one after another; no more than one is in memory. Only line feeds end one (JSON allows U+2028 in a text), and a carriage return in front.
 *
 * @throws ERR_CLI_USAGE with the number of a line that is no UTF-8 or too long
 */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: string[] = []
  let units = 0
  let number = 1
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch {
      throw new CustomhouseError('ERR_CLI_USAGE', `Line ${number} or one soon after it is no UTF-8.`)
    }
  }
  const whole = (last: string): string => {
    parts.push(last)
    const line = parts.length === 1 ? last : parts.join('')
    parts = []
    units = 0
    number += 1
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }
  for await (const chunk of bytes) {
    const text = decode(chunk)
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      yield whole(text.slice(from, at))
      from = at + 1
    }
    if (from === text.length) continue
    parts.push(text.slice(from))
    units += text.length - from
    if (units > LONGEST) throw new CustomhouseError('ERR_CLI_USAGE', `Line ${number} is longer than ${LONGEST} units.`)
  }
  const rest = decode()
  if (parts.length > 0 || rest !== '') yield whole(rest)
}

/** Writes to standard output, and waits where the reader is slower. False: nobody reads any more. */
export async function say(text: string): Promise<boolean> {
  const out = process.stdout
  if (out.destroyed || out.writableEnded) return false
  if (out.write(text)) return true
  await new Promise<void>((go) => {
    const done = (): void => {
      out.off('drain', done).off('close', done).off('error', done)
      go()
    }
    out.on('drain', done).on('close', done).on('error', done)
  })
  return !out.destroyed
}
