import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { allEntries, type Place } from './kit.ts'

/** A writer in a process of its own. */
export const CHILD = join(import.meta.dirname, 'child.ts')
export type Run = Readonly<{ lines: string[]; code: number | null; signal: string | null }>

export function startChild(
  place: Place,
  args: readonly (string | number)[],
  wrapper: readonly string[] = [],
): { child: ChildProcess; lines: string[]; ended: Promise<Run> } {
  const [command = '', ...rest] = [...wrapper, process.execPath, CHILD, place.state, place.keys, ...args.map(String)]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const whole = text.split('\n')
    text = whole.pop() ?? ''
    lines.push(...whole)
  })
  child.stderr.resume()
  const ended = new Promise<Run>((resolve) => child.on('close', (code, signal) => resolve({ lines, code, signal })))
  return { child, lines, ended }
}

/** Receipts that the parent has read. */
export function acknowledged(lines: readonly string[]): Map<number, string> {
  return new Map(
    lines
      .filter((line) => line.startsWith('ack '))
      .map((line) => [Number(line.split(' ')[1]), line.split(' ')[2] ?? '']),
  )
}

/** Receipts that the log does not hold. */
export async function lost(place: Place, acks: ReadonlyMap<number, string>): Promise<number[]> {
  const ids = new Map((await allEntries(place)).map(({ leaf }) => [leaf.seq, leaf.id]))
  return [...acks].filter(([seq, id]) => ids.get(seq) !== id).map(([seq]) => seq)
}

/** Injects into the calls on one file only: `-P` follows the path. */
export const inject = (path: string, call: string, fault: string): string[] => [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-P',
  path,
  '-e',
  `trace=${call}`,
  '-e',
  `inject=${call}:${fault}`,
]
