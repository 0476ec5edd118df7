import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../house.ts'
import { commandFor, NAMES, readCommand, USAGE, UsageError } from '../torture/command.ts'
import { verdictOf } from '../torture/verdict.ts'

/** The command line of `npm run torture`, and what it makes of what its tests say. */

const MOST = 2 ** 31 - 1
const USUAL = { kills: 10_000, calls: 1_000_000, minutes: null, seed: 7 }

describe('the command line', () => {
  test.each<[string, ReturnType<typeof readCommand>]>([
    ['', { ...USUAL, names: NAMES }],
    ['kill', { ...USUAL, names: ['kill'] }],
    ['soak kill', { ...USUAL, names: ['kill', 'soak'] }],
    ['kill --kills 20', { ...USUAL, names: ['kill'], kills: 20 }],
    ['--kills=20 kill --seed 0', { ...USUAL, names: ['kill'], kills: 20, seed: 0 }],
    ['reload --minutes 3', { ...USUAL, names: ['reload'], minutes: 3 }],
    [`soak --calls ${MOST}`, { ...USUAL, names: ['soak'], calls: MOST }],
    ['--help', 'help'],
    ['kill -h', 'help'],
  ])('%s', (line, command) => {
    expect(readCommand(line.split(' ').filter(Boolean), 7)).toEqual(command)
  })

  const WRONG: readonly (readonly [string, string])[] = [
    ['kil', 'argument 1: "kil" is no torture. Is kill meant?'],
    ['kill whatever', 'argument 2: "whatever" is no torture. There are kill, disk, reload, machine, soak.'],
    ['kill --kils 20', 'argument 2: --kils is no option. Is --kills meant?'],
    ['--whatever', 'argument 1: --whatever is no option. There are --kills, --calls, --minutes, --seed.'],
    ['-x', 'argument 1: -x is no option. There are --kills, --calls, --minutes, --seed.'],
    ['kill --kills', `argument 2: --kills takes a whole number from 1 to ${MOST}, and there is none.`],
    ['kill --kills 0', `argument 2: --kills takes a whole number from 1 to ${MOST}, not "0".`],
    ['kill --kills -5', `argument 2: --kills takes a whole number from 1 to ${MOST}, not "-5".`],
    ['kill --kills 2e3', `argument 2: --kills takes a whole number from 1 to ${MOST}, not "2e3".`],
    ['kill --kills=', `argument 2: --kills takes a whole number from 1 to ${MOST}, not "".`],
    ['soak --calls 99999999999', `argument 2: --calls takes a whole number from 1 to ${MOST}, not "99999999999".`],
    ['kill --seed 1.5', `argument 2: --seed takes a whole number from 0 to ${MOST}, not "1.5".`],
    ['kill --kills 2 --kills 3', 'argument 4: --kills is given twice.'],
    ['disk --kills 20', 'argument 2: --kills is for kill: nothing of that runs.'],
    ['disk --seed 3', 'argument 2: --seed is for kill, machine, soak: nothing of that runs.'],
  ]
  test.each(WRONG)('%s: %s', (line, message) => {
    expect(() => readCommand(line.split(' '), 7)).toThrow(new UsageError(message))
  })

  test.each<[string, number, string, string]>([
    ['kill --kils 20', 3, '', `torture: argument 2: --kils is no option. Is --kills meant?\n\n${USAGE}\n`],
    ['--help', 0, `${USAGE}\n`, ''],
  ])(
    '%s ends with %i, and says no more than that',
    async (line, code, out, err) => {
      const child = spawn(process.execPath, [join(ROOT, 'test/torture/run.ts'), ...line.split(' ')], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const said = { out: '', err: '' }
      child.stdout.on('data', (bytes: Buffer) => {
        said.out += bytes
      })
      child.stderr.on('data', (bytes: Buffer) => {
        said.err += bytes
      })
      const ended = await new Promise((resolve) => child.once('close', resolve))
      expect([ended, said]).toEqual([code, { out, err }])
    },
    60_000,
  )

  test.each([
    ['kill', 'npm run torture -- kill --kills 20 --seed 7'],
    ['disk', 'npm run torture -- disk'],
    ['reload', 'npm run torture -- reload --minutes 3'],
    ['machine', 'npm run torture -- machine --seed 7'],
    ['soak', 'npm run torture -- soak --calls 1000 --minutes 3 --seed 7'],
  ] as const)('what repeats %s has all that it was given, and nothing of the others', (name, repeated) => {
    const command = { names: NAMES, kills: 20, calls: 1_000, minutes: 3, seed: 7 }
    expect(commandFor(name, command)).toBe(repeated)
    // It is one.
    const again = readCommand(repeated.replace('npm run torture -- ', '').split(' '), 7)
    expect(again).toMatchObject({ names: [name], seed: 7 })
  })
})

describe('what it makes of a run', () => {
  const SKIPPED = 'skipped: strace is not here, or may not trace'
  test.each<[string, number | null, readonly string[], ReturnType<typeof verdictOf>]>([
    [
      'all passed',
      0,
      ['{"kills":20}', '12 faults, 0 not reached, {}', ' ✓ a test', '      Tests  2 passed (2)'],
      { verdict: 'held', figures: '{"kills":20}; 12 faults, 0 not reached, {}' },
    ],
    ['none ran', 0, [SKIPPED, '      Tests  2 skipped (2)'], { verdict: 'SKIPPED', figures: SKIPPED }],
    ['some ran', 0, [SKIPPED, '      Tests  2 passed | 1 skipped (3)'], { verdict: 'held', figures: SKIPPED }],
    [
      'one failed',
      1,
      ['{"kills":20}', '      Tests  1 failed | 1 passed (2)'],
      { verdict: 'BROKEN', figures: '{"kills":20}' },
    ],
    ['it was killed', null, [SKIPPED], { verdict: 'BROKEN', figures: SKIPPED }],
    ['it says nothing', 0, [], { verdict: 'SKIPPED', figures: '' }],
  ])('%s', (_, code, lines, verdict) => {
    expect(verdictOf(code, lines.join('\n'))).toEqual(verdict)
  })
})
