import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { allEntries, makePlace, type Place, placeIn } from './kit.ts'
import { CHILD } from './process.ts'

/** A volume of our own, in a mount namespace that dies with the script. What is in it at the end is copied out. */
export const namespace = spawnSync('unshare', ['-rm', 'true']).status === 0
if (!namespace && process.env.CI === 'true') throw new Error('unshare must work where CI=true')
if (!namespace) console.log('unshare is not here or not allowed: nothing is run on a full volume.')

/**
 * Runs `test/audit/child.ts` once for each list of arguments, one after the other, with a volume of `size` in the place of one of its folders, `$2`
 * (state) or `$3` (keys); a string is run as it stands. `meanwhile` is run beside the last one, whose output is in the file `$out`.
 */
export function onVolume(
  size: string,
  runs: readonly (string | readonly (string | number)[])[],
  meanwhile = '',
  on: 'state' | 'keys' = 'state',
): { outputs: string[][]; copy: Place } {
  const place = makePlace()
  const root = dirname(place.state)
  for (const folder of [place.state, place.keys]) mkdirSync(folder)
  const copy = placeIn(join(root, 'copy'))
  const children = runs.map((args, i) => {
    if (typeof args === 'string') return args
    const child = `"$0" "$1" "$2" "$3" ${args.join(' ')}`
    if (meanwhile === '' || i < runs.length - 1) return `${child}; echo "--- $?"`
    return `out="$4.out"; ${child} > "$out" & child=$!\n${meanwhile}\nwait $child; code=$?; cat "$out"; echo "--- $code"`
  })
  const script = [
    `mount -t tmpfs -o size=${size} tmpfs "${on === 'state' ? '$2' : '$3'}"`,
    ...children,
    'mkdir "$4"',
    'cp -r "$2" "$4"',
    'cp -r "$3" "$4"',
  ].join('\n')
  const run = spawnSync(
    'unshare',
    ['-rm', 'bash', '-c', script, process.execPath, CHILD, place.state, place.keys, dirname(copy.state)],
    // A script that waits for what does not come must not hold the whole suite up.
    { encoding: 'utf8', maxBuffer: 1e8, timeout: 50_000, killSignal: 'SIGKILL' },
  )
  expect(run.status, run.stderr).toBe(0)
  return { outputs: run.stdout.split(/(?<=^--- \d+)\n/m).map((text) => text.split('\n').filter(Boolean)), copy }
}

export function acknowledgements(lines: readonly string[] | undefined): string[] {
  return (lines ?? []).filter((line) => line.startsWith('ack '))
}

export async function idsOf(place: Place): Promise<Set<string>> {
  return new Set((await allEntries(place)).map(({ leaf }) => `ack ${leaf.seq} ${leaf.id}`))
}
